import { eq } from 'drizzle-orm'
import { stackResource, stackSnapshot, type Action } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault, invalid, Stale } from '../../kernel/fault.ts'
import type { GraphRun, NodeRow, Outcome } from '../../kernel/saga.ts'
import { registryOf } from '../template/registry.ts'
import type { Json, Value } from '../template/types.ts'
import type { Progress, ResourceType, Work } from '../types/provider.ts'
import { typeFor } from '../types/resolve.ts'
import { attributesFor, equal, foundIn, isKnown, keptProperties, propertiesOf, workOf } from './work.ts'
import { checked } from './properties.ts'
import { mask, programOf, scopeOf, type Program } from './program.ts'
import { changeRow, line, reasonOf, stageRow, tell, type ResourceRow, type StackRow } from './record.ts'
import { open, openRows, shut } from './sealed.ts'
import { awaited } from './awaited.ts'
import { after, before } from './hooks.ts'
import { placeOf } from './place.ts'
import type { Seeing, Turn } from './turn.saga.ts'

/**
 * Brings one resource to what the template says. It looks at what there is and takes the next step towards what there should
 * be, so running it again, in this turn or a later one, goes on from wherever things stand.
 */
export async function apply(r: GraphRun<Turn>, n: NodeRow, seen: any[]): Promise<Outcome> {
  const { ctx, args } = r, name = n.args.name as string
  const it = await look(ctx, args, name, seen as Seeing)
  if (!it) return 'done'
  const { s, program, own } = it
  const row = own.find((x) => x.current)
  const attempt: Attempt = { ...it, ctx, args, turn: r.id, name, row, n, mark: ctx.mark() }
  try {
    const outcome = await step(attempt)
    return outcome === 'done' ? after(attempt, attempt.landed) ?? 'done' : outcome
  } catch (e) {
    if (!(e instanceof Fault) || e instanceof Stale || e.kind === 'unavailable') throw e
    ctx.cut(attempt.mark)
    const reason = mask(program.secrets, reasonOf(e, name)), at = attempt.row
    if (at && at.current) {
      if (attempt.refused) { tell(ctx, s, line(at, 'UPDATE', 'FAILED', reason)); return { failed: reason } }
      const action: Action = at.status === 'IN_PROGRESS' ? at.action : attempt.making ? 'CREATE' : 'UPDATE'
      // A replacement that could not even be begun leaves the one in force as it was.
      if (attempt.making && at.status !== 'IN_PROGRESS') tell(ctx, s, line(at, 'CREATE', 'FAILED', reason))
      else { changeRow(ctx, at, { action, status: 'FAILED', reason }); tell(ctx, s, line(at, action, 'FAILED', reason)) }
    } else {
      const fresh = newRow(attempt, { action: 'CREATE', status: 'FAILED', reason })
      stageRow(ctx, fresh)
      tell(ctx, s, line(fresh, 'CREATE', 'IN_PROGRESS'), line(fresh, 'CREATE', 'FAILED', reason))
    }
    return { failed: reason }
  }
}

export interface Seen { s: StackRow; program: Program; own: ResourceRow[]; others: Map<string, ResourceRow> }
interface Attempt extends Seen {
  ctx: Ctx; args: Turn; name: string; row: ResourceRow | undefined; n: NodeRow; mark: number; turn: string
  making?: boolean
  /** Nothing was tried: what it is stands. */
  refused?: boolean
  /** What this run has brought to its rest. */
  landed?: ResourceRow
}

async function look(ctx: Ctx, args: Turn, name: string, [[s], stored]: Seeing): Promise<Seen | undefined> {
  if (!s || !args.template) return undefined
  const rows = openRows(ctx, stored)
  const program = await programOf(ctx, await placeOf(ctx, s), args.template)
  return { s, program, own: rows.filter((x) => x.name === name), others: new Map(rows.filter((x) => x.current && x.name !== name).map((x) => [x.name, x])) }
}

async function step(a: Attempt): Promise<Outcome> {
  const { args, program, own, row, name } = a
  const def = program.template.resources.get(name)!
  const type = await typeFor(def.type, program.environment, program.files, name)
  if (!type) throw invalid(`The Resource Type (${def.type}) could not be found.`, { type: 'EntityNotFound' })
  if (args.phase === 'rollback' && row?.replaces) {
    // What a failed update put in its place steps back.
    const before = own.find((x) => x.id === row.replaces)
    if (before) return restoreOld(a, type, row, before)
  }
  if (row?.status === 'IN_PROGRESS' && row.action !== 'DELETE') return goOn(a, type, row)
  const held = before(a, row)
  if (held) return held
  const properties = await wantedProperties(a, type)
  const metadata = plainMap(await resolved(a, def.metadata))
  if (!row || mustReplace(row, def.type, type)) { if (row && row.action !== 'INIT') restricted(a, 'replace'); return make(a, type, properties, metadata, row) }
  return change(a, type, row, properties, metadata)
}

async function resolved(a: Attempt, json: Json | undefined): Promise<Value> {
  if (json === undefined || json === null) return null
  const { resolveLater } = await import('../template/evaluate.ts')
  return resolveLater(json, scopeOf(a.program, a.others, a.program.place.front === 'aws' ? (await import('./outside.ts')).outside(a.ctx, a.s) : {}), at(a))
}
const at = (a: Attempt) => (a.program.template.dialect.language === 'cfn' ? ['Resources', a.name, 'Properties'] : ['resources', a.name, 'properties'])
const plainMap = (v: Value) => (v && typeof v === 'object' && !Array.isArray(v) && isKnown(v) ? v as Record<string, unknown> : {})

/** Resolved and checked; names are still names. */
async function wantedProperties(a: Attempt, type: ResourceType): Promise<Record<string, Value>> {
  const def = a.program.template.resources.get(a.name)!
  const value = await resolved(a, def.properties)
  return checked(type, value, { name: a.name, front: a.s.front, lineOf: a.program.template.lineOf, region: a.program.place.region })
}

const mustReplace = (row: ResourceRow, typeName: string, type: ResourceType) =>
  row.type !== typeName || row.action === 'DELETE' || (row.status === 'FAILED' && !type.repairs && ['CREATE', 'CHECK', 'ADOPT', 'INIT'].includes(row.action))

/** What the environment forbids updates to do with a resource. */
function restricted(a: Attempt, action: 'update' | 'replace') {
  if (a.args.phase !== 'apply' || !registryOf(a.program.environment).restrictedActions(a.name).includes(action)) return
  a.refused = true
  throw invalid(`${action} is restricted for resource.`, { type: 'ResourceActionRestricted' })
}

function newRow(a: Attempt, set: Partial<ResourceRow>): ResourceRow {
  const { ctx, s, program, name } = a, def = program.template.resources.get(name)!, now = ctx.now()
  const word = (v: Json | undefined) => (typeof v === 'string' ? v.charAt(0).toUpperCase() + v.slice(1) : undefined)
  return {
    id: ctx.uuid(), stack: s.id, name, type: def.type, physicalId: null, action: 'CREATE', status: 'IN_PROGRESS', reason: '', current: true, replaces: null, properties: shut(ctx, '', {}), metadata: {}, data: {}, attributes: {},
    requires: [...program.graph.requires.get(name) ?? []], deletionPolicy: word(def.deletionPolicy) ?? 'Delete', replacePolicy: word(def.updateReplacePolicy) ?? null, template: a.args.template, hook: null, createdAt: now, updatedAt: now, ...set,
  }
}

/** A new one; of one that is there already it takes the place, and the old one goes in the clean-up. */
async function make(a: Attempt, type: ResourceType, wanted: Record<string, Value>, metadata: Record<string, unknown>, old: ResourceRow | undefined): Promise<Outcome> {
  const { ctx, s, args } = a
  a.making = true
  if (old && type.yield && old.physicalId && old.type === type.name && !old.data.$yielded) {
    await type.yield(await workOf(ctx, s, old, await propertiesOf(ctx, old), false, a.program))
    changeRow(ctx, old, { data: { ...old.data, $yielded: true } })
    return 'again'
  }
  // A row that only holds a breakpoint was never a resource.
  const held = old?.action === 'INIT'
  const row = newRow(a, { metadata, replaces: held ? null : old?.id ?? null, hook: held ? old!.hook : null }), work = await workOf(ctx, s, row, {}, false, a.program)
  work.properties = await foundIn(work, type.properties, wanted)
  const adopt = args.adopt && open(ctx, s.id, args.adopt)[a.name], external = await externalId(a)
  const action: Action = adopt ? 'ADOPT' : 'CREATE'
  const began = line(row, action, 'IN_PROGRESS')
  row.action = action
  let p: Progress
  if (external) { row.deletionPolicy = 'Retain'; work.resource.physicalId = row.physicalId = external; p = { id: external, data: { $external: true }, shown: await type.show?.(work) } }
  else if (adopt) { work.resource.physicalId = row.physicalId = adopt.id; row.data = adopt.data ?? {}; p = { id: adopt.id, data: adopt.data, shown: await type.show?.(work) } }
  else p = await type.create(work)
  if (old && held) ctx.stage(q.delete(stackResource).where(eq(stackResource.id, old.id)))
  else if (old) changeRow(ctx, old, { current: false })
  row.properties = keptProperties(ctx, row.id, work.properties)
  const outcome = await landed(a, type, row, work, p, true)
  stageRow(ctx, row)
  tell(ctx, s, began, ...(row.status === 'COMPLETE' ? [line(row, action, 'COMPLETE')] : []))
  return outcome
}

async function externalId(a: Attempt): Promise<string | undefined> {
  const { externalId } = a.program.template.resources.get(a.name)!
  if (externalId === undefined || externalId === null) return undefined
  const v = await resolved(a, externalId)
  return typeof v === 'string' && v ? v : undefined
}

/** Takes what a type gave into the row (not staged yet): complete with its attributes, or still under way. */
async function landed(a: Attempt, type: ResourceType, row: ResourceRow, work: Work, p: Progress, fresh: boolean): Promise<Outcome> {
  if (p.id !== undefined) row.physicalId = p.id
  // What the engine itself notes of a resource is not its type's to forget.
  if (p.data) row.data = { ...Object.fromEntries(Object.entries(row.data).filter(([k]) => k.startsWith('$'))), ...p.data }
  if (p.metadata) row.metadata = p.metadata
  Object.assign(work.resource, { physicalId: row.physicalId, data: row.data, metadata: row.metadata })
  if (p.wait || p.again) {
    row.status = 'IN_PROGRESS'
    // Others may refer to it by name before it is done; its address must not change after.
    return p.again ? 'again' : { park: p.wait! }
  }
  const held = awaited(a, row)
  if (held) { row.status = 'IN_PROGRESS'; return held }
  const wanted = a.program.wanted.get(a.name)
  let shown = p.shown
  let attributes = await attributesFor(type, work, wanted, shown)
  if (!attributes && fresh) { row.status = 'IN_PROGRESS'; return 'again' }
  if (!attributes) { shown = await type.show?.(work); attributes = await attributesFor(type, work, wanted, shown ?? {}) }
  row.attributes = attributes ?? {}
  row.status = 'COMPLETE'
  row.reason = ''
  a.landed = row
  return 'done'
}

/** Something was begun, by this turn or one before: is it done? */
async function goOn(a: Attempt, type: ResourceType, row: ResourceRow): Promise<Outcome> {
  const { ctx, s } = a, work = await workOf(ctx, s, row, await propertiesOf(ctx, row), false, a.program)
  const p = type.ready ? await type.ready(work) : {}
  const outcome = await landed(a, type, row, work, p, false)
  changeRow(ctx, row, { physicalId: row.physicalId, data: row.data, metadata: row.metadata, status: row.status, attributes: row.attributes, reason: row.reason })
  if (row.status === 'COMPLETE') {
    tell(ctx, s, line(row, row.action, 'COMPLETE'))
    // What it is may have been ordered by an older template than the one in force.
    if (row.template !== a.args.template) return 'again'
  }
  return outcome
}

async function change(a: Attempt, type: ResourceType, row: ResourceRow, wanted: Record<string, Value>, metadata: Record<string, unknown>): Promise<Outcome> {
  const { ctx, s, args } = a, def = newRow(a, {})
  const work = await workOf(ctx, s, row, {}, false, a.program), before = await propertiesOf(ctx, row)
  const after = await foundIn(work, type.properties, wanted)
  work.properties = after
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((k) => !equal(before[k], after[k]))
  const more: Partial<ResourceRow> = {}
  if (!equal(row.metadata, metadata) && !equal(metadata, {})) more.metadata = metadata
  if (!equal(row.requires, def.requires)) more.requires = def.requires
  if (row.deletionPolicy !== def.deletionPolicy && !row.data.$external) more.deletionPolicy = def.deletionPolicy
  if (row.replacePolicy !== def.replacePolicy) more.replacePolicy = def.replacePolicy
  const snapshot = args.action === 'RESTORE' && args.snapshot ? await snapshotOf(ctx, args.snapshot, a.name) : undefined
  if (snapshot && type.restore) return settle(a, type, row, work, await type.restore(work, snapshot), 'RESTORE', more)
  const external = await externalId(a)
  if (external !== undefined && row.physicalId !== external) throw invalid(`Update to property external_id of ${row.name} (${row.type}) is not supported`, { type: 'NotSupported' })
  const never = changed.find((k) => type.properties[k]?.update === 'never')
  if (never) throw invalid(`Update to property ${never} of ${row.name} (${row.type}) is not supported`, { type: 'NotSupported' })
  if (!changed.length) return unchanged(a, type, row, work, more)
  const effective = changed.filter((k) => !type.properties[k]?.ignored), how = (k: string) => type.properties[k] ?? type.properties['*']
  if (effective.some((k) => how(k) && how(k).update !== 'in-place') || !type.update) { restricted(a, 'replace'); return make(a, type, wanted, metadata, row) }
  restricted(a, 'update')
  const p = effective.length ? await type.update(work, { before, after, changed: effective }) : {}
  if (p === 'replace') restricted(a, 'replace')
  if (p === 'replace') return make(a, type, wanted, metadata, row)
  more.properties = keptProperties(ctx, row.id, after)
  return settle(a, type, row, work, p, args.action === 'RESTORE' ? 'RESTORE' : 'UPDATE', more)
}

async function settle(a: Attempt, type: ResourceType, row: ResourceRow, work: Work, p: Progress, action: Action, more: Partial<ResourceRow>): Promise<Outcome> {
  const { ctx, s, args } = a
  Object.assign(row, { action, ...more })
  const needs = !p.shown && [...a.program.wanted.get(a.name) ?? []].some((n) => !type.attributes[n]?.own)
  // What was changed in this batch cannot be shown in it.
  const outcome = needs && !p.wait && !p.again ? (row.status = 'IN_PROGRESS', await landed(a, type, row, work, { ...p, again: true }, true)) : await landed(a, type, row, work, p, true)
  changeRow(ctx, row, { ...more, action, status: row.status, reason: '', physicalId: row.physicalId, data: row.data, metadata: row.metadata, attributes: row.attributes, template: args.template })
  tell(ctx, s, line(row, action, 'IN_PROGRESS'), ...(row.status === 'COMPLETE' ? [line(row, action, 'COMPLETE')] : []))
  return outcome
}

async function unchanged(a: Attempt, type: ResourceType, row: ResourceRow, work: Work, more: Partial<ResourceRow>): Promise<Outcome> {
  const wanted = a.program.wanted.get(a.name)
  if ([...wanted ?? []].some((n) => !Object.hasOwn(row.attributes, n))) more.attributes = await attributesFor(type, work, wanted, await type.show?.(work) ?? {})
  if (row.status === 'FAILED') { more.status = 'COMPLETE'; more.action = 'UPDATE'; more.reason = '' }
  if (row.data.$yielded && type.reclaim) { await type.reclaim(work); more.data = { ...row.data, $yielded: undefined } }
  if (Object.keys(more).length) {
    changeRow(a.ctx, row, more)
    if (more.metadata || more.status) tell(a.ctx, a.s, line(row, 'UPDATE', 'COMPLETE'))
  }
  return 'done'
}

/** The newer of two steps back; the older is in force again, and this node looks at it anew. */
async function restoreOld(a: Attempt, type: ResourceType, row: ResourceRow, before: ResourceRow): Promise<Outcome> {
  // What the older gave up for the newer is given up again before it can be had back.
  if (before.data.$yielded && type.yield && row.physicalId && row.type === type.name) {
    try { await type.yield(await workOf(a.ctx, a.s, row, await propertiesOf(a.ctx, row))) } catch (e) { if (!(e instanceof Fault) || e.kind !== 'notFound') throw e }
  }
  changeRow(a.ctx, row, { current: false, replaces: null })
  changeRow(a.ctx, before, { current: true })
  return 'again'
}

async function snapshotOf(ctx: Ctx, id: string, name: string): Promise<Record<string, unknown> | undefined> {
  const [[row]] = await ctx.read(q.select({ data: stackSnapshot.data }).from(stackSnapshot).where(eq(stackSnapshot.id, id)))
  return row?.data[name]
}
