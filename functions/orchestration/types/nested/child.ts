import { and, eq, isNull } from 'drizzle-orm'
import { stack, stackResource } from '../../../../schema/orchestration.ts'
import type { Delegation } from '../../../identity/standin.ts'
import { q } from '../../../kernel/db.ts'
import { invalid, notFound } from '../../../kernel/fault.ts'
import type { Source } from '../../engine/program.ts'
import type { StackRow } from '../../engine/record.ts'
import { openOutputs, openRow, openRows, shut } from '../../engine/sealed.ts'
import { shortOf } from '../../engine/work.ts'
import type { Json } from '../../template/index.ts'
import type { Gone, Progress, Reading, Work } from '../provider.ts'

/** Resources that are stacks themselves: what all of them do with theirs. */
const verbs = () => import('../../stacks/verbs.ts')

export async function childOf(r: Work): Promise<StackRow | undefined> {
  const [[row]] = await r.ctx.read(q.select().from(stack).where(and(eq(stack.id, idOf(r.resource.physicalId)), isNull(stack.deletedAt))))
  return row
}
/** The Query API calls stacks by ARN. */
const idOf = (physical: string | null) => physical?.split('/').at(-1) ?? ''
export const nameOf = (r: Reading) => { const tail = `-${r.resource.name}-${shortOf(r.resource.id)}`; return `${r.stack.name.slice(0, 255 - tail.length)}${tail}` }

export interface Child { source: Source; timeout?: number; facade?: Record<string, Json>; front?: 'heat' | 'aws'; extra?: Record<string, unknown> }

export async function makeChild(r: Work, c: Child, id?: (row: StackRow) => string): Promise<Progress> {
  const [[parent]] = await r.ctx.read(q.select().from(stack).where(eq(stack.id, r.stack.id)))
  const row = await (await verbs()).createStack(r.ctx, {
    name: nameOf(r), front: c.front ?? r.stack.front, source: c.source, timeout: c.timeout, onFailure: 'keep', extra: c.extra,
    within: { stack: parent, resource: r.resource.id, delegation: parent.delegation as Delegation, facade: c.facade },
  })
  return { id: id ? id(row) : row.id, data: r.resource.data, wait: { lane: row.id } }
}

export async function changeChild(r: Work, c: Child): Promise<Progress> {
  const row = await childOf(r)
  if (!row) throw notFound('Stack', r.resource.physicalId ?? '', 'The nested stack is gone.')
  const [[parent]] = await r.ctx.read(q.select().from(stack).where(eq(stack.id, r.stack.id)))
  await (await verbs()).updateStack(r.ctx, row, { source: c.source, meanwhile: 'supersede', delegation: parent.delegation as Delegation, timeout: c.timeout, onFailure: 'keep', ...(c.facade ? { extra: { ...row.extra, ...c.extra, facade: shut(r.ctx, row.id, c.facade) } } : {}) })
  return { data: r.resource.data, wait: { lane: row.id } }
}

/** Done when the stack below is; its failure is the resource's, in its own words. */
export async function childReady(r: Work): Promise<Progress> {
  const row = await childOf(r)
  if (!row) throw notFound('Stack', r.resource.physicalId ?? '', 'The nested stack is gone.')
  if (row.status === 'IN_PROGRESS') return { wait: { lane: row.id } }
  if (row.status === 'FAILED') throw invalid(row.reason, { type: 'ResourceFailure' })
  return { shown: await shownOf(r, row) }
}

export async function removeChild(r: Work): Promise<Gone | void> {
  const row = r.resource.physicalId ? await childOf(r) : undefined
  if (!row) return
  if (r.begun) {
    if (row.action === 'DELETE' && row.status === 'FAILED') throw invalid(row.reason, { type: 'ResourceFailure' })
    if (row.action === 'DELETE') return { wait: { lane: row.id } }
  }
  await (await verbs()).deleteStack(r.ctx, row)
  return { wait: { lane: row.id } }
}

export async function actOnChild(r: Work, action: 'SUSPEND' | 'RESUME' | 'CHECK' | 'SNAPSHOT'): Promise<Progress> {
  const row = await childOf(r)
  if (!row) throw notFound('Stack', r.resource.physicalId ?? '', 'The nested stack is gone.')
  await (await verbs()).actOn(r.ctx, row, action)
  return { data: r.resource.data, wait: { lane: row.id } }
}

/** What befalls a stack below once it is there: the same for all types that have one. */
export const life = {
  ready: childReady, remove: removeChild, show: (r: Work) => shownOf(r), repairs: true,
  suspend: (r: Work) => actOnChild(r, 'SUSPEND'), resume: (r: Work) => actOnChild(r, 'RESUME'), check: (r: Work) => actOnChild(r, 'CHECK'),
}

/** Outputs and what is inside, for attributes: `resource.NAME.ATTR` reaches into it. */
export async function shownOf(r: Work, row?: StackRow): Promise<Record<string, any>> {
  const s = row ?? await childOf(r)
  if (!s) throw notFound('Stack', r.resource.physicalId ?? '', 'The nested stack is gone.')
  const [rows] = await r.ctx.read(q.select().from(stackResource).where(and(eq(stackResource.stack, s.id), eq(stackResource.current, true))))
  const list = openOutputs(r.ctx, s)
  return { id: s.id, name: s.name, outputs: Object.fromEntries(list.map((o) => [o.key, o.value ?? null])), list, resources: Object.fromEntries(openRows(r.ctx, rows).map((x) => [x.name, { id: (x.attributes.$ref as string | undefined) ?? x.physicalId, attributes: x.attributes, physicalId: x.physicalId }])) }
}

/** An attribute of a resource within: as it was kept, or as its API shows it now. */
export async function memberOf(r: Work, shown: Record<string, any>, name: string, attribute: string): Promise<unknown> {
  const at = shown.resources[name] as { attributes: Record<string, unknown> } | undefined
  if (!at) return undefined
  if (Object.hasOwn(at.attributes, attribute)) return at.attributes[attribute]
  const [[s], [stored]] = await r.ctx.read(q.select().from(stack).where(eq(stack.id, shown.id)), q.select().from(stackResource).where(and(eq(stackResource.stack, shown.id), eq(stackResource.name, name), eq(stackResource.current, true))))
  if (!s || !stored?.template) return undefined
  const row = openRow(r.ctx, stored)
  const [{ typeFor }, { programOf }, { placeOf }, { attributesFor, propertiesOf, workFor }] = await Promise.all([import('../resolve.ts'), import('../../engine/program.ts'), import('../../engine/place.ts'), import('../../engine/work.ts')])
  const program = await programOf(r.ctx, await placeOf(r.ctx, s), stored.template), type = await typeFor(row.type, program.environment, program.files, name)
  if (!type) return undefined
  const work = workFor(r.ctx, r.caller, s, row, await propertiesOf(r.ctx, row), false, program), wanted = new Set([attribute])
  const found = await attributesFor(type, work, wanted, undefined) ?? await attributesFor(type, work, wanted, await type.show?.(work) ?? {})
  return found?.[attribute]
}
