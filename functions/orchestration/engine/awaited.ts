import type { Ctx } from '../../kernel/ctx.ts'
import { invalid } from '../../kernel/fault.ts'
import type { Outcome } from '../../kernel/saga.ts'
import { isKnown, resolve, type Json } from '../template/index.ts'
import { scopeOf, type Program, type Rows } from './program.ts'
import { changeRow, type ResourceRow } from './record.ts'

/** CreationPolicy: a resource counts as made only once so many have signalled that it works. */
interface Policy { count: number; seconds: number }
interface Heard { status: string; reason: string }

/** `PT1H5M`, at most twelve hours; five minutes when nothing is said. */
function duration(text: unknown): number {
  if (text === undefined || text === null) return 300
  const m = /^PT(?:(\d{1,3})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?$/.exec(String(text))
  if (!m || m.slice(1).every((x) => x === undefined)) throw invalid(`CreationPolicy Timeout '${String(text).slice(0, 40)}' is not a duration like PT15M.`)
  return Math.min(43_200, Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0))
}
function policyOf(p: Program, name: string, rows: Rows = new Map()): Policy | undefined {
  const policy = p.template.resources.get(name)?.creationPolicy as { ResourceSignal?: Json } | undefined
  if (!policy?.ResourceSignal) return undefined
  const want = resolve(policy.ResourceSignal, scopeOf(p, rows), ['Resources', name, 'CreationPolicy', 'ResourceSignal'])
  if (!isKnown(want) || !want || typeof want !== 'object' || Array.isArray(want)) return undefined
  const count = Number((want as { Count?: Json }).Count ?? 1)
  if (!Number.isInteger(count) || count < 0 || count > 1000) throw invalid(`CreationPolicy Count '${String((want as { Count?: Json }).Count)}' is not a number of signals.`)
  return { count, seconds: duration((want as { Timeout?: Json }).Timeout) }
}

/** What is still waited for, of a resource that its type says is made. */
export function awaited(a: { ctx: Ctx; program: Program; name: string; others: Rows }, row: ResourceRow): Outcome | undefined {
  if (row.action !== 'CREATE') return undefined
  const policy = policyOf(a.program, a.name, a.others)
  if (!policy || !policy.count) return undefined
  const heard = Object.values((row.data.$signals ?? {}) as Record<string, Heard>), failed = heard.filter((h) => h.status === 'FAILURE')
  if (failed.length) throw invalid(`Received ${failed.length} FAILURE signal(s) out of ${policy.count}. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement`, { type: 'CreationPolicyFailure' })
  if (heard.length >= policy.count) return undefined
  const until = Number(row.data.$until ?? a.ctx.now() + policy.seconds * 1_000_000), left = (until - a.ctx.now()) / 1_000_000
  if (left <= 0) throw invalid(`Failed to receive ${policy.count - heard.length} resource signal(s) within the specified duration`, { type: 'CreationPolicyTimeout' })
  row.data = { ...row.data, $until: until }
  return { park: { seconds: Math.max(1, Math.min(30, left)) } }
}

/** A signal to a resource whose creation waits for some: noted under its own id. */
export function heardByPolicy(ctx: Ctx, program: Program, row: ResourceRow, details: Json): boolean {
  if (!policyOf(program, row.name) || row.action !== 'CREATE') return false
  const d = (details && typeof details === 'object' && !Array.isArray(details) ? details : {}) as Record<string, Json>, signals = { ...(row.data.$signals as Record<string, Heard> | undefined) }
  const status = String(d.Status ?? d.status ?? 'SUCCESS'), id = String(d.UniqueId ?? d.id ?? Object.keys(signals).length + 1).slice(0, 64)
  if (status !== 'SUCCESS' && status !== 'FAILURE') throw invalid(`Invalid status ${status}: it must be SUCCESS or FAILURE.`)
  if (Object.keys(signals).length >= 1000) throw invalid('A resource takes at most 1000 signals.')
  signals[id] = { status, reason: String(d.Reason ?? d.reason ?? '').slice(0, 1000) }
  changeRow(ctx, row, { data: { ...row.data, $signals: signals } })
  return true
}
