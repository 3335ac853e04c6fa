import { and, desc, eq, lt, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { changeSet } from '../../../schema/cloudformation.ts'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { storeHooks } from '../../orchestration/engine/lookups.ts'
import { shut } from '../../orchestration/engine/sealed.ts'
import { createStack, prepareUpdate, updateStack } from '../../orchestration/stacks/verbs.ts'
import { stackQuery, theStack, validation } from '../find.ts'
import { action } from '../service.ts'
import { clientToken, failure, flag, nextToken, options, stackName } from '../shapes.ts'
import { againstPolicy, asked, settled } from '../stacks/update.ts'
import { extraOf, whenFailed } from '../stacks/create.ts'
import { once, pageToken, readToken } from '../tokens.ts'
import { stackArn, statusOf } from '../view.ts'
import { changeSetNamed, contentOf, executionOf, setArn, setSummary, type ChangeSetRow, type Content } from './find.ts'
import { otherwise, plan, type Planned } from './plan.ts'

onDuplicate('change_set.stack, change_set.name', () => awsFault('AlreadyExistsException', 'ChangeSet with this name already exists.', { status: 400 }))
const setName = t.String({ minLength: 1, maxLength: 128, pattern: '^[a-zA-Z][-a-zA-Z0-9]*$' }), byName = t.String({ minLength: 1, maxLength: 1600 })
const NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."
/** So many of a stack that were not executed. */
const SETS = 1000

export const create = action('CreateChangeSet', {
  policy: 'cloudformation:CreateChangeSet', summary: 'Work out what a change would do',
  input: shape({
    StackName: stackName, ChangeSetName: setName, ...options, UsePreviousTemplate: flag, ClientToken: t.Optional(t.String({ minLength: 1, maxLength: 128 })), Description: t.Optional(t.String({ minLength: 1, maxLength: 1024 })), ChangeSetType: t.Optional(t.Enum(['CREATE', 'UPDATE', 'IMPORT'])),
    ResourcesToImport: t.Optional(t.Array(shape({ ResourceType: t.String(), LogicalResourceId: t.String(), ResourceIdentifier: t.Record(t.String(), t.String()) }))), IncludeNestedStacks: flag, OnStackFailure: failure, ImportExistingResources: flag, DeploymentMode: t.Optional(t.Enum(['REVERT_DRIFT'])),
  }),
  handle: (ctx, i) => once(ctx, 'CreateChangeSet', i, async () => {
    const kind = i.ChangeSetType ?? 'UPDATE'
    if (kind === 'IMPORT' || i.ResourcesToImport?.length || i.ImportExistingResources) throw validation('Importing resources is not supported: change sets are of type CREATE or UPDATE.')
    if (i.DeploymentMode) throw validation('DeploymentMode is not supported.')
    if (i.OnStackFailure === 'DELETE' && kind !== 'CREATE') throw validation('OnStackFailure DELETE is for change sets of type CREATE.')
    const [rows] = await ctx.read(stackQuery(ctx, i.StackName)), found = rows[0]?.deletedAt === null ? rows[0] : undefined, review = found?.action === 'REVIEW'
    if (kind === 'UPDATE' && !found) throw validation(`Stack [${i.StackName}] does not exist`)
    if (kind === 'CREATE' && found && !review) throw validation(`Stack [${found.name}] already exists and cannot be created again with the changeSet [${i.ChangeSetName}].`)
    if (kind === 'UPDATE' && found) { if (review) throw validation(`Stack:${stackArn(ctx, found)} is in REVIEW_IN_PROGRESS state and can not be updated.`); settled(found) }
    const s = found ?? await createStack(ctx, { name: i.StackName, front: 'aws', source: { body: '' }, review: true, extra: extraOf(i), onFailure: whenFailed(i) })
    const ask = await asked(ctx, s, i), prepared = await prepareUpdate(ctx, s, ask), planned = await plan(ctx, s, prepared)
    const idle = kind === 'UPDATE' && !planned.length && !await otherwise(ctx, s, prepared.program, { tags: i.Tags, notifications: i.NotificationARNs })
    const denied = kind === 'UPDATE' ? againstPolicy(s.policy, planned) : undefined
    const id = ctx.uuid(), content: Content = { source: ask.source, keep: ask.keep, tags: ask.tags, extra: ask.extra, onFailure: whenFailed(i) }
    const [[{ n }]] = found ? await ctx.read(q.select({ n: sql<number>`count(*)` }).from(changeSet).where(eq(changeSet.stack, s.id))) : [[{ n: 0 }]]
    if (n >= SETS) throw awsFault('LimitExceededException', `ChangeSet limit exceeded for stack ${s.name}`, { status: 400 })
    const row: ChangeSetRow = {
      id, stack: s.id, name: i.ChangeSetName, kind, description: i.Description ?? null, status: idle || denied ? 'FAILED' : 'CREATE_COMPLETE', reason: idle ? NOTHING : denied ?? null, executedAt: null, generation: s.generation, content: shut(ctx, id, content),
      parameters: prepared.program.parameters.shown, changes: planned, options: { capabilities: i.Capabilities ?? [], tags: i.Tags ?? [], notifications: i.NotificationARNs ?? [], onFailure: i.OnStackFailure }, createdAt: ctx.now(),
    }
    ctx.about(s.id)
    ctx.stage(q.insert(changeSet).values(row))
    return { Id: setArn(ctx, row), StackId: stackArn(ctx, s) }
  }),
})

const changeView = (p: Planned) => ({ Type: 'Resource', ResourceChange: {
  PolicyAction: p.policyAction, Action: p.action, LogicalResourceId: p.name, PhysicalResourceId: p.physicalId, ResourceType: p.type, Replacement: p.replacement, Scope: [...new Set(p.details.map((d) => d.attribute))],
  Details: p.details.map((d) => ({ Target: { Attribute: d.attribute, Name: d.name, RequiresRecreation: d.recreation }, Evaluation: d.evaluation, ChangeSource: d.source, CausingEntity: d.entity })),
} })

export const describe = action('DescribeChangeSet', {
  policy: 'cloudformation:DescribeChangeSet', summary: 'Show what a change would do', input: shape({ ChangeSetName: byName, StackName: t.Optional(stackName), NextToken: nextToken, IncludePropertyValues: flag }),
  async handle(ctx, i) {
    const { set, stack: s } = await changeSetNamed(ctx, i.ChangeSetName, i.StackName), from = Number(readToken(i.NextToken)?.[0] ?? 0), all = set.changes as Planned[], SIZE = 100
    return {
      ...setSummary(ctx, set, s), Parameters: Object.entries(set.parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })), NotificationARNs: set.options.notifications, RollbackConfiguration: {}, Capabilities: set.options.capabilities, Tags: set.options.tags,
      Changes: all.slice(from, from + SIZE).map(changeView), NextToken: all.length > from + SIZE ? pageToken(from + SIZE) : undefined, OnStackFailure: set.options.onFailure,
    }
  },
})

export const list = action('ListChangeSets', {
  policy: 'cloudformation:ListChangeSets', summary: "List a stack's change sets", input: shape({ StackName: stackName, NextToken: nextToken }),
  async handle(ctx, i) {
    const at = readToken(i.NextToken), SIZE = 100, after = at && or(lt(changeSet.createdAt, Number(at[0])), and(eq(changeSet.createdAt, Number(at[0])), lt(changeSet.id, String(at[1]))))
    const [found, rows] = await ctx.read(stackQuery(ctx, i.StackName), q.select().from(changeSet).where(and(eq(changeSet.stack, sql`(select id from (${stackQuery(ctx, i.StackName)}))`), after)).orderBy(desc(changeSet.createdAt), desc(changeSet.id)).limit(SIZE + 1))
    const s = theStack(found, i.StackName), last = rows[SIZE - 1]
    return { Summaries: rows.slice(0, SIZE).map((c) => setSummary(ctx, c, s)), NextToken: rows.length > SIZE ? pageToken(last.createdAt, last.id) : undefined }
  },
})

export const execute = action('ExecuteChangeSet', {
  policy: 'cloudformation:ExecuteChangeSet', summary: 'Make the change', input: shape({ ChangeSetName: byName, StackName: t.Optional(stackName), ClientRequestToken: clientToken, DisableRollback: flag, RetainExceptOnCreate: flag }),
  handle: (ctx, i) => once(ctx, 'ExecuteChangeSet', i, async () => {
    const { set, stack: s } = await changeSetNamed(ctx, i.ChangeSetName, i.StackName), state = executionOf(set, s)
    if (state !== 'AVAILABLE') throw awsFault('InvalidChangeSetStatus', `ChangeSet [${setArn(ctx, set)}] cannot be executed in its current execution status of [${state}]${state === 'UNAVAILABLE' ? `: ${set.reason}` : ''}`, { status: 400 })
    if (set.kind === 'UPDATE') settled(s)
    else if (statusOf(s) !== 'REVIEW_IN_PROGRESS') throw validation(`Stack:${stackArn(ctx, s)} is in ${statusOf(s)} state and can not be created.`)
    const c = await contentOf(ctx, set)
    await updateStack(ctx, s, { ...c, extra: { ...c.extra, changeSet: setArn(ctx, set) }, existing: true, onFailure: i.DisableRollback ? 'keep' : c.onFailure, token: i.ClientRequestToken, hooks: storeHooks(ctx, ctx.project), meanwhile: 'refuse' })
    ctx.stage(q.update(changeSet).set({ executedAt: ctx.now() }).where(and(eq(changeSet.id, set.id), sql`${changeSet.executedAt} is null`)), 'stale')
    return {}
  }),
})

export const remove = action('DeleteChangeSet', {
  policy: 'cloudformation:DeleteChangeSet', summary: 'Forget a change set', input: shape({ ChangeSetName: byName, StackName: t.Optional(stackName) }),
  async handle(ctx, i) {
    // One that is not there is as it should be.
    const found = await changeSetNamed(ctx, i.ChangeSetName, i.StackName).catch((e) => { if (e instanceof Fault && e.detail.type === 'ChangeSetNotFound') return undefined; throw e })
    if (!found) return {}
    const { set, stack: s } = found
    if (executionOf(set, s) === 'EXECUTE_IN_PROGRESS') throw awsFault('InvalidChangeSetStatus', `ChangeSet [${setArn(ctx, set)}] cannot be deleted while it is executed.`, { status: 400 })
    ctx.about(s.id)
    ctx.stage(q.delete(changeSet).where(eq(changeSet.id, set.id)), 'stale')
    return {}
  },
})
