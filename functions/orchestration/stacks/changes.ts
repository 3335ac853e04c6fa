import { isKnown } from '../template/index.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { placeOf } from '../engine/place.ts'
import { programOf, type Program } from '../engine/program.ts'
import type { ResourceRow, StackRow } from '../engine/record.ts'
import { validate, type Sighted } from '../engine/validate.ts'
import { equal, foundIn, propertiesOf, workFor } from '../engine/work.ts'

export interface PropertyChange { name: string; before: unknown; after: unknown; update: 'in-place' | 'replace' | 'never' }
export interface PlannedChange {
  name: string; type: string; action: 'added' | 'deleted' | 'unchanged' | 'updated' | 'replaced'
  /** It depends on what is not known before: it may come to nothing, or to a replacement. */
  maybe?: boolean
  row?: ResourceRow
  sighted?: Sighted
  properties: PropertyChange[]
  metadata?: boolean
}

/** What an update would do to each resource, as far as it can be known without doing it. */
export async function changesOf(ctx: Ctx, s: StackRow, program: Program, rows: ResourceRow[]): Promise<PlannedChange[]> {
  const current = new Map(rows.filter((r) => r.current && r.action !== 'DELETE').map((r) => [r.name, r])), out: PlannedChange[] = []
  const replaced = new Set<string>(), sighted = await validate(program, { rows: current as never })
  for (const one of sighted) {
    const row = current.get(one.name)
    if (!row) { out.push({ name: one.name, type: one.type.name, action: 'added', sighted: one, properties: [] }); continue }
    const c = await compare(ctx, s, program, one, row, replaced)
    if (c.action === 'replaced') replaced.add(one.name)
    out.push(c)
  }
  for (const row of current.values()) if (!program.graph.requires.has(row.name)) out.push({ name: row.name, type: row.type, action: 'deleted', row, properties: [] })
  return out
}

async function compare(ctx: Ctx, s: StackRow, program: Program, one: Sighted, row: ResourceRow, replaced: Set<string>): Promise<PlannedChange> {
  const base = { name: one.name, type: program.template.resources.get(one.name)!.type, row, sighted: one }
  const before = await propertiesOf(ctx, row), work = workFor(ctx, ctx.caller, s, row, {}), after: Record<string, unknown> = { ...one.properties }
  for (const [k, v] of Object.entries(one.properties)) if (isKnown(v)) { try { Object.assign(after, await foundIn(work, one.type.properties, { [k]: v })) } catch { /* what cannot be found is refused when it is made */ } }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  // Whatever refers to a resource that is replaced changes with it.
  const touched = [...program.graph.requires.get(one.name) ?? []].some((n) => replaced.has(n))
  const properties: PropertyChange[] = names.filter((k) => !isKnown((after[k] ?? null) as never) || !equal(before[k], after[k])).map((k) => ({ name: k, before: one.type.properties[k]?.hidden ? '****' : before[k], after: one.type.properties[k]?.hidden ? '****' : isKnown((after[k] ?? null) as never) ? after[k] : undefined, update: one.type.properties[k]?.update ?? 'replace' }))
  const certain = properties.filter((p) => p.after !== undefined || !(p.name in after))
  const failed = row.status === 'FAILED' && ['CREATE', 'CHECK'].includes(row.action) && !one.type.repairs
  if (row.type !== base.type || failed || certain.some((p) => p.update === 'replace') || (certain.length && !one.type.update)) return { ...base, action: 'replaced', properties }
  if (certain.length) return { ...base, action: 'updated', properties }
  if (properties.length || touched) return { ...base, action: properties.some((p) => p.update === 'replace') ? 'replaced' : properties.length ? 'updated' : 'unchanged', maybe: true, properties }
  return { ...base, action: 'unchanged', properties }
}

export const programInForce = async (ctx: Ctx, s: StackRow) => (s.template ? programOf(ctx, await placeOf(ctx, s), s.template) : undefined)
