import { sql } from 'drizzle-orm'
import type { Ctx } from '../../kernel/ctx.ts'
import { standIn, type Delegation } from '../../identity/standin.ts'
import { conflict, Fault, invalid } from '../../kernel/fault.ts'
import type { Caller } from '../../kernel/policy.ts'
import { rouse } from '../../kernel/graph.ts'
import { heardByPolicy } from '../engine/awaited.ts'
import { HOOKS, letPast } from '../engine/hooks.ts'
import { placeOf } from '../engine/place.ts'
import { programOf } from '../engine/program.ts'
import { changeRow, line, tell, type ResourceRow, type StackRow } from '../engine/record.ts'
import { propertiesOf, workFor } from '../engine/work.ts'
import type { Json } from '../template/index.ts'
import { typeFor } from '../types/resolve.ts'

/** Whoever was waiting for this resource, itself among them, looks again. */
const wakeAround = (ctx: Ctx, s: StackRow, name: string) => rouse(ctx, s.id, sql`select 'a:' || name from stack_resource where stack = ${s.id} and (name = ${name} or exists (select 1 from json_each(requires) where value = ${name})) union select 'r:' || id from stack_resource where stack = ${s.id} and name = ${name}`)

/** A signal reaches a resource: a breakpoint is let go, or its type hears what it says. */
export async function signalResource(ctx: Ctx, s: StackRow, row: ResourceRow, details: Json): Promise<void> {
  const hook = details && typeof details === 'object' && !Array.isArray(details) ? details.unset_hook : undefined
  if (hook !== undefined) return letGo(ctx, s, row, hook)
  // Who makes a resource for somebody is also asked to take it away, and answers.
  const theirs = row.type.startsWith('Custom::') || row.type === 'AWS::CloudFormation::CustomResource'
  if (!theirs && (s.action === 'DELETE' || s.action === 'SUSPEND')) throw conflict(`Cannot signal resource during ${s.action}`, { type: 'ResourceActionNotSupported' })
  const program = row.template ? await programOf(ctx, await placeOf(ctx, s), row.template) : undefined
  const type = await typeFor(row.type, program?.environment, program?.files ?? {}, row.name)
  if (program && type && heardByPolicy(ctx, program, row, details)) { tell(ctx, s, { ...line(row, 'CREATE', 'COMPLETE'), action: 'SIGNAL', reason: 'Signal received' }); wakeAround(ctx, s, row.name); return }
  if (!type?.signal) throw invalid(`signal is not supported for resource.`, { type: 'ResourceActionNotSupported' })
  // What was ordered may have ended meanwhile: the signal is heard all the same, and then nothing more is done for it.
  const caller = await standIn(ctx, s.delegation as Delegation).catch((e) => { if (e instanceof Fault && e.kind === 'forbidden') return undefined; throw e })
  const work = workFor(ctx, caller as Caller, s, row, await propertiesOf(ctx, row), false, program)
  const p = await type.signal(work, details)
  if (p.data || p.metadata || p.id) changeRow(ctx, row, { ...(p.data ? { data: p.data } : {}), ...(p.metadata ? { metadata: p.metadata } : {}), ...(p.id ? { physicalId: p.id } : {}) })
  tell(ctx, s, { ...line(row, 'CREATE', 'COMPLETE'), action: 'SIGNAL', reason: p.says ?? 'Signal received' })
  wakeAround(ctx, s, row.name)
}

async function letGo(ctx: Ctx, s: StackRow, row: ResourceRow, hook: Json) {
  if (typeof hook !== 'string' || !HOOKS.includes(hook)) throw invalid(`Invalid hook type "${String(hook)}" for ${row.type} "${row.name}"`, { type: 'InvalidBreakPointHook' })
  if (s.status !== 'IN_PROGRESS' || !row.hook?.startsWith(`${hook} `)) throw invalid(`The "${hook}" hook is not defined on ${row.type} "${row.name}"`, { type: 'InvalidBreakPointHook' })
  changeRow(ctx, row, { hook: letPast(row.hook) })
  tell(ctx, s, line(row, row.action, row.status, `Hook ${hook} is cleared`))
  wakeAround(ctx, s, row.name)
}
