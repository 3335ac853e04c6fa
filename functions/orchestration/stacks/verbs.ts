import { and, eq, isNull, sql } from 'drizzle-orm'
import { stack, stackResource, stackTemplate, type Action } from '../../../schema/orchestration.ts'
import { delegationOf, type Delegation } from '../../identity/standin.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, run } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { endGraph, startGraph } from '../../kernel/graph.ts'
import type { NewNode } from '../../kernel/saga.ts'
import { DEPTH, STACKS, TIMEOUT } from '../engine/limits.ts'
import { outside } from '../engine/outside.ts'
import { placeOf, regionOf } from '../engine/place.ts'
import { actNodes, applyNodes, removeNodes } from '../engine/plan.ts'
import { compile, keepProgram, programOf, templateRow, type Looser, type Place, type Program, type Source } from '../engine/program.ts'
import { tell, turnTo, typeOfStack, type ResourceRow, type StackRow } from '../engine/record.ts'
import { openRows, openTemplate, shut } from '../engine/sealed.ts'
import turn, { type Adopted, type Turn } from '../engine/turn.saga.ts'
import { validate } from '../engine/validate.ts'
import { immutableChanges, parseEnvironment, storedEnvironment, type Front, type Json } from '../template/index.ts'

onDuplicate('stack.project, stack.name', () => conflict('The Stack already exists.', { type: 'StackExists' }))

/** What both fronts may say of a stack. */
export interface Options {
  /** Minutes. */
  timeout?: number
  onFailure?: StackRow['onFailure']
  tags?: string[]
  protected?: boolean
  policy?: unknown
  token?: string
  /** What only the front knows. */
  extra?: Record<string, unknown>
}
export interface NewStack extends Options {
  name: string
  front: Front
  source: Source
  /** Nested: in which stack, behind which resource's row. Authorised as that stack is. */
  within?: { stack: StackRow | { id: string; project: string; root: string; depth: number }; resource: string; delegation: Delegation; facade?: Record<string, Json> }
  /** Its id, when somebody must know it before. */
  id?: string
  adopt?: Adopted
  /** Only its name is taken, for a change set to be looked at: no template, no resources. */
  review?: boolean
  hooks?: Looser['hooks']
}

/** Names of stacks: heat allows more than AWS. */
export function checkName(name: string, front: Front) {
  if (front === 'aws' ? !/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name) : !/^[a-zA-Z][a-zA-Z0-9_.-]{0,254}$/.test(name)) {
    throw invalid(front === 'aws' ? `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*`
      : `Invalid stack name ${name} must contain only alphanumeric or "_-." characters, must start with alpha and must be 255 characters or less.`, { type: front === 'aws' ? 'ValidationError' : 'StackValidationFailed' })
  }
}

/** Takes the name, the template and the order, in one batch: from then on the stack makes itself. */
export async function createStack(ctx: Ctx, ask: NewStack): Promise<StackRow> {
  const { within, front } = ask
  checkName(ask.name, front)
  if (within && within.stack.depth >= DEPTH) throw invalid(`Recursion depth exceeds ${DEPTH}.`, { type: 'RequestLimitExceeded' })
  const project = within?.stack.project ?? ctx.project, id = ask.id ?? ctx.uuid(), now = ctx.now()
  const delegation = within?.delegation ?? delegationOf(ctx)
  const [[same], [{ n }]] = await ctx.read(
    q.select({ id: stack.id }).from(stack).where(and(eq(stack.project, project), eq(stack.name, ask.name), isNull(stack.deletedAt))),
    q.select({ n: sql<number>`count(*)` }).from(stack).where(and(eq(stack.project, project), isNull(stack.deletedAt), isNull(stack.owner))))
  if (same && same.id !== id) throw conflict(front === 'aws' ? `Stack [${ask.name}] already exists` : `The Stack (${ask.name}) already exists.`, { type: front === 'aws' ? 'AlreadyExistsException' : 'StackExists' })
  if (!within && n >= STACKS) throw forbidden(`You have reached the maximum stacks per tenant, ${STACKS}. Please delete some stacks.`, { type: 'RequestLimitExceeded' })
  const row: StackRow = {
    id, name: ask.name, project, user: delegation.user.id, userName: delegation.user.name, front, owner: within?.stack.id ?? null, ownerResource: within?.resource ?? null, root: within?.stack.root ?? id, depth: within ? within.stack.depth + 1 : 0,
    template: null, previous: null, action: 'CREATE', status: 'IN_PROGRESS', reason: 'Stack CREATE started', origin: null, cleaning: false, description: '', parameters: shut(ctx, id, {}), outputs: [], tags: ask.tags ?? [],
    onFailure: ask.onFailure ?? (front === 'aws' ? 'rollback' : 'keep'), timeout: ask.timeout ?? null, protected: ask.protected ?? false, policy: ask.policy ?? null, delegation, token: ask.token ?? null,
    extra: { ...ask.extra, ...(within?.facade ? { facade: shut(ctx, id, within.facade) } : {}) }, createdAt: now, updatedAt: null, deletedAt: null, generation: 0,
  }
  ctx.about(id)
  if (ask.review) {
    Object.assign(row, { action: 'REVIEW', reason: 'User Initiated' })
    ctx.stage(q.insert(stack).values(row))
    tell(ctx, row, { name: row.name, physicalId: id, type: typeOfStack(row), action: 'REVIEW', status: 'IN_PROGRESS', reason: 'User Initiated' })
    return row
  }
  const program = await understand(ctx, row, ask.source, ask.hooks), action: Action = ask.adopt ? 'ADOPT' : 'CREATE'
  if (within) ctx.stage(run(sql`insert into guard select 'quota', (select count(*) from stack_resource where stack in (select id from stack where root = ${row.root})) + ${program.graph.order.length} <= 1000`))
  Object.assign(row, { action, reason: `Stack ${action} started`, description: program.template.description, parameters: shut(ctx, id, program.parameters.shown) })
  const t = templateRow(ctx, id, ask.source, program)
  row.template = program.id = t.id
  keepProgram(ctx, program)
  ctx.stage(q.insert(stack).values(row))
  ctx.stage(q.insert(stackTemplate).values(t))
  if (!within) ctx.stage(run(sql`insert into guard select 'quota', (select count(*) from stack where project = ${project} and deleted_at is null and owner is null) <= ${STACKS}`))
  tell(ctx, row, { name: row.name, physicalId: id, type: typeOfStack(row), action, status: 'IN_PROGRESS', reason: row.reason })
  await begin(ctx, row, { action, phase: 'apply', template: t.id, ...(ask.adopt ? { adopt: shut(ctx, id, ask.adopt) } : {}) }, applyNodes(program))
  return row
}

/** Template and everything in it, judged as far as it can be without its resources. */
async function understand(ctx: Ctx, s: StackRow, source: Source, hooks: Looser['hooks'], rows?: Map<string, ResourceRow>): Promise<Program> {
  const program = await compile(source, await placeOf(ctx, s), '', { hooks })
  await validate(program, { rows: rows as never, also: s.front === 'aws' ? {} : {} })
  return program
}

const begin = (ctx: Ctx, s: StackRow, t: Partial<Turn> & Pick<Turn, 'action' | 'phase'>, nodes: NewNode[], supersede = false) => {
  const timeout = (s.timeout ?? TIMEOUT / 60) * 60
  return startGraph<Turn>(ctx, turn, { stack: s.id, template: null, previous: null, onFailure: s.owner ? 'keep' : s.onFailure, timeout, ...t }, { lane: s.id, nodes, deadline: timeout, supersede, project: s.project })
}

export interface StackUpdate extends Options {
  /** Absent: the template in force, as `--existing` and UsePreviousTemplate ask. */
  source: Omit<Source, 'body'> & { body?: Source['body'] }
  /** What was given before holds unless given anew. */
  existing?: boolean
  /** Of those given before, these hold; all when not said. */
  keep?: string[]
  clear?: string[]
  hooks?: Looser['hooks']
  delegation?: Delegation
  /** How an update of a stack that is being changed is taken: 'supersede' as heat does, 'refuse' as AWS does. */
  meanwhile?: 'supersede' | 'refuse'
}

/** What an update would be made from: with `existing`, what is not given comes from the template in force. */
export async function sourceFor(ctx: Ctx, s: StackRow, ask: StackUpdate): Promise<Source> {
  if (!s.template) {
    if (ask.source.body === undefined) throw invalid(s.front === 'aws' ? 'No template specified.' : 'No template specified')
    return { ...ask.source, body: ask.source.body }
  }
  if (!ask.existing && ask.source.body !== undefined) return { ...ask.source, body: ask.source.body }
  const [[stored]] = await ctx.read(q.select().from(stackTemplate).where(eq(stackTemplate.id, s.template)))
  if (!stored) throw invalid('The template of the stack is gone.')
  const t = openTemplate(ctx, stored), before = t.given
  let previous = ask.keep ? Object.fromEntries(Object.entries(before).filter(([k]) => ask.keep!.includes(k))) : before
  previous = Object.fromEntries(Object.entries(previous).filter(([k]) => !ask.clear?.includes(k)))
  const own = storedEnvironment(parseEnvironment(ask.source.environment)) as Record<string, Record<string, Json>>, old = t.environment as Record<string, Record<string, Json>>
  const environment = Object.fromEntries([...new Set([...Object.keys(old), ...Object.keys(own)])].map((k) => [k, Array.isArray(own[k] ?? old[k]) ? (own[k]?.length ? own[k] : old[k] ?? []) : { ...old[k], ...own[k] }])) as Json
  return { body: ask.source.body ?? t.body, files: { ...(ask.source.body === undefined || ask.existing ? t.files : {}), ...ask.source.files }, environment, given: ask.source.given, previous }
}

export interface Prepared { program: Program; source: Source; rows: ResourceRow[] }
/** Everything an update decides before it does anything: for updates, previews and change sets alike. */
export async function prepareUpdate(ctx: Ctx, s: StackRow, ask: StackUpdate): Promise<Prepared> {
  const source = await sourceFor(ctx, s, ask)
  const [stored] = await ctx.read(q.select().from(stackResource).where(eq(stackResource.stack, s.id))), rows = openRows(ctx, stored)
  const there = new Map(rows.filter((r) => r.current).map((r) => [r.name, r]))
  const program = await understand(ctx, s, source, ask.hooks, there)
  if (s.template) {
    const old = await programOf(ctx, await placeOf(ctx, s), s.template).catch(() => undefined)
    const fixed = old && immutableChanges(program.template, old.parameters.values, program.parameters.values)
    if (fixed?.length) throw invalid(`The following parameters are immutable and may not be updated: ${fixed.join(', ')}`, { type: 'ImmutableParameterModified' })
  }
  return { program, source, rows }
}

export async function updateStack(ctx: Ctx, s: StackRow, ask: StackUpdate): Promise<StackRow> {
  mayChange(s, ask.meanwhile ?? (s.front === 'aws' ? 'refuse' : 'supersede'))
  const fresh = s.action === 'REVIEW'
  const { program, source } = await prepareUpdate(ctx, s, ask)
  const t = templateRow(ctx, s.id, source, program)
  program.id = t.id
  keepProgram(ctx, program)
  ctx.stage(q.insert(stackTemplate).values(t))
  const action: Action = fresh ? 'CREATE' : 'UPDATE', rest = s.status === 'COMPLETE' && s.action !== 'REVIEW'
  // What a rollback goes back to is the last that was whole.
  const empty = s.action === 'ROLLBACK' && s.origin === 'CREATE' && s.status === 'COMPLETE', previous = fresh || empty ? null : rest ? s.template : s.previous
  turnTo(ctx, s, action, 'IN_PROGRESS', `Stack ${action} started`, {
    template: t.id, previous, description: program.template.description, parameters: shut(ctx, s.id, program.parameters.shown), origin: null, cleaning: false, ...changed(ask),
    token: ask.token ?? null, delegation: ask.delegation ?? (ctx.anyone ? delegationOf(ctx) : s.delegation), ...(fresh ? { createdAt: ctx.now() } : { updatedAt: ctx.now() }),
  })
  await begin(ctx, s, { action, phase: 'apply', template: t.id, previous, empty }, applyNodes(program), true)
  return s
}
const changed = (o: Options): Partial<StackRow> => ({
  ...(o.timeout === undefined ? {} : { timeout: o.timeout }), ...(o.onFailure === undefined ? {} : { onFailure: o.onFailure }), ...(o.tags === undefined ? {} : { tags: o.tags }),
  ...(o.policy === undefined ? {} : { policy: o.policy }), ...(o.extra === undefined ? {} : { extra: o.extra }),
})

function mayChange(s: StackRow, meanwhile: 'supersede' | 'refuse') {
  if (s.deletedAt !== null) throw notFound('Stack', s.name, `The Stack (${s.name}) could not be found.`, { type: 'EntityNotFound' })
  if (s.front === 'aws' && meanwhile === 'refuse' && s.action !== 'REVIEW') {
    if (s.status === 'IN_PROGRESS') throw invalid(`Stack:${s.id} is in ${s.action}_${s.status} state and can not be updated.`, { type: 'ValidationError' })
    return
  }
  if (s.status === 'IN_PROGRESS' && !['CREATE', 'UPDATE', 'ADOPT', 'REVIEW'].includes(s.action)) throw conflict(`Stack ${s.name} already has an action (${s.action}) in progress.`, { type: 'ActionInProgress' })
  if (s.action === 'SUSPEND' && s.status !== 'FAILED') throw invalid('Updating a stack when it is suspended is not supported', { type: 'NotSupported' })
  if (s.action === 'DELETE') throw invalid('Updating a stack when it is deleted is not supported', { type: 'NotSupported' })
}

/** Works from every state; what the stack is doing is ended. */
export async function deleteStack(ctx: Ctx, s: StackRow, o: { retain?: string[]; token?: string } = {}): Promise<void> {
  if (s.deletedAt !== null) return
  const [rows] = await ctx.read(q.select().from(stackResource).where(eq(stackResource.stack, s.id)))
  turnTo(ctx, s, 'DELETE', 'IN_PROGRESS', 'Stack DELETE started', { updatedAt: ctx.now(), token: o.token ?? null, cleaning: false, ...(ctx.anyone?.project?.id === s.project ? { delegation: delegationOf(ctx) } : {}) })
  await begin(ctx, s, { action: 'DELETE', phase: 'delete', retain: o.retain }, removeNodes(rows), true)
}

/** SUSPEND, RESUME, CHECK and SNAPSHOT: something is done with every resource. */
export async function actOn(ctx: Ctx, s: StackRow, action: 'SUSPEND' | 'RESUME' | 'CHECK' | 'SNAPSHOT', more: Partial<Turn> = {}): Promise<void> {
  if (s.status === 'IN_PROGRESS') throw conflict(`Stack ${s.name} already has an action (${s.action}) in progress.`, { type: 'ActionInProgress' })
  const [rows] = await ctx.read(q.select().from(stackResource).where(and(eq(stackResource.stack, s.id), eq(stackResource.current, true))))
  turnTo(ctx, s, action, 'IN_PROGRESS', `Stack ${action} started`, ctx.anyone?.project?.id === s.project ? { delegation: delegationOf(ctx) } : {})
  await begin(ctx, s, { action, phase: 'act', ...more }, actNodes(rows, action === 'SUSPEND'))
}

/** Nothing of it is done any more; used where its rows go without its resources. */
export const abandonTurn = (ctx: Ctx, s: StackRow) => endGraph(ctx, s.id)

export { regionOf, outside, type Place, begin }
