import { and, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import type { Sealed } from '../../../schema/kernel.ts'
import { stack, stackEvent, stackResource } from '../../../schema/orchestration.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { StackRow } from '../../orchestration/engine/record.ts'
import { openRow, openValue } from '../../orchestration/engine/sealed.ts'
import { changeSetNamed } from '../changesets/find.ts'
import { findStack, stackQuery, theStack, validation } from '../find.ts'
import { importing } from '../imports.ts'
import { action } from '../service.ts'
import { logicalId, nextToken, stackName } from '../shapes.ts'
import { pageToken, readToken } from '../tokens.ts'
import { eventView, resourceSummary, resourceView, stackView, statesOf, summaryView } from '../view.ts'

const PAGE = 100
/** Newest first; the token says which was last. */
async function page(ctx: Ctx, where: ReturnType<typeof and>, token: string | undefined): Promise<{ rows: StackRow[]; next?: string }> {
  const at = readToken(token), after = at && or(lt(stack.createdAt, Number(at[0])), and(eq(stack.createdAt, Number(at[0])), lt(stack.id, String(at[1]))))
  const [rows] = await ctx.read(q.select().from(stack).where(and(eq(stack.project, ctx.project), where, after)).orderBy(desc(stack.createdAt), desc(stack.id)).limit(PAGE + 1))
  const last = rows[PAGE - 1]
  return { rows: rows.slice(0, PAGE), next: rows.length > PAGE ? pageToken(last.createdAt, last.id) : undefined }
}

export const describe = action('DescribeStacks', {
  policy: 'cloudformation:DescribeStacks', summary: 'Show a stack, or all', input: shape({ StackName: t.Optional(t.String({ maxLength: 1600 })), NextToken: nextToken }),
  async handle(ctx, i) {
    if (i.StackName) return { Stacks: [stackView(ctx, await findStack(ctx, i.StackName, { gone: true }))] }
    const { rows, next } = await page(ctx, isNull(stack.deletedAt), i.NextToken)
    return { Stacks: rows.map((s) => stackView(ctx, s)), NextToken: next }
  },
})

export const list = action('ListStacks', {
  policy: 'cloudformation:ListStacks', summary: 'List stacks, ended ones too', input: shape({ NextToken: nextToken, StackStatusFilter: t.Optional(t.Array(t.String({ pattern: '^[A-Z_]{1,64}$' }))) }),
  async handle(ctx, i) {
    const wanted = i.StackStatusFilter?.map((f) => {
      const w = statesOf(f)
      return and(inArray(stack.action, w.action as StackRow['action'][]), eq(stack.status, w.status as StackRow['status']), w.origin === undefined ? undefined : eq(stack.origin, w.origin as 'CREATE'), w.cleaning === undefined ? undefined : eq(stack.cleaning, w.cleaning))
    })
    const { rows, next } = await page(ctx, wanted?.length ? or(...wanted) : undefined, i.NextToken)
    return { StackSummaries: rows.map((s) => summaryView(ctx, s)), NextToken: next }
  },
})

const events = (ctx: Ctx, name: string) => eq(stackEvent.stack, sql`(select id from (${stackQuery(ctx, name)}))`)
export const describeEvents = action('DescribeStackEvents', {
  policy: 'cloudformation:DescribeStackEvents', summary: "A stack's story, newest first", input: shape({ StackName: stackName, NextToken: nextToken }),
  async handle(ctx, i) {
    const at = readToken(i.NextToken)
    const [found, rows] = await ctx.read(stackQuery(ctx, i.StackName), q.select().from(stackEvent).where(and(events(ctx, i.StackName), at ? lt(stackEvent.seq, Number(at[0])) : undefined)).orderBy(desc(stackEvent.seq)).limit(PAGE + 1))
    const s = theStack(found, i.StackName, { gone: true })
    return { StackEvents: rows.slice(0, PAGE).map((e) => eventView(ctx, s, e)), NextToken: rows.length > PAGE ? pageToken(rows[PAGE - 1].seq) : undefined }
  },
})

const FAILED = /_(FAILED|ABORTED)$/
/** The same as newer clients ask for it: by stack or change set, failures alone if wanted. */
export const operationEvents = action('DescribeEvents', {
  policy: 'cloudformation:DescribeEvents', summary: "A stack's story, newest first, as its operations tell it", input: shape({ StackName: t.Optional(stackName), ChangeSetName: t.Optional(stackName), OperationId: t.Optional(t.String({ maxLength: 1024 })), Filters: t.Optional(shape({ FailedEvents: t.Optional(t.Boolean()) })), NextToken: nextToken }),
  async handle(ctx, i) {
    const name = i.ChangeSetName ? (await changeSetNamed(ctx, i.ChangeSetName, i.StackName)).stack.id : i.StackName, at = readToken(i.NextToken)
    if (!name) throw validation('StackName or ChangeSetName must be specified.')
    const [found, rows] = await ctx.read(stackQuery(ctx, name), q.select().from(stackEvent).where(and(events(ctx, name), at ? lt(stackEvent.seq, Number(at[0])) : undefined, i.Filters?.FailedEvents ? eq(stackEvent.status, 'FAILED') : undefined)).orderBy(desc(stackEvent.seq)).limit(PAGE + 1))
    const s = theStack(found, name, { gone: true })
    return {
      OperationEvents: rows.slice(0, PAGE).map((e) => { const { StackName: _, ...v } = eventView(ctx, s, e); return { ...v, EventType: FAILED.test(v.ResourceStatus) && e.physicalId !== s.id ? 'PROVISIONING_ERROR' : e.physicalId === s.id ? 'STACK_EVENT' : 'PROGRESS_EVENT' } }),
      NextToken: rows.length > PAGE ? pageToken(rows[PAGE - 1].seq) : undefined,
    }
  },
})

const resources = (ctx: Ctx, name: string, more?: ReturnType<typeof and>) => q.select().from(stackResource).where(and(eq(stackResource.stack, sql`(select id from (${stackQuery(ctx, name)}))`), eq(stackResource.current, true), more)).orderBy(stackResource.name)
export const listResources = action('ListStackResources', {
  policy: 'cloudformation:ListStackResources', summary: "List a stack's resources", input: shape({ StackName: stackName, NextToken: nextToken }),
  async handle(ctx, i) {
    const at = readToken(i.NextToken)
    const [found, rows] = await ctx.read(stackQuery(ctx, i.StackName), resources(ctx, i.StackName, at ? sql`${stackResource.name} > ${String(at[0])}` : undefined).limit(PAGE + 1))
    theStack(found, i.StackName, { gone: true })
    return { StackResourceSummaries: rows.slice(0, PAGE).filter((r) => r.action !== 'INIT').map((r) => resourceSummary(openRow(ctx, r))), NextToken: rows.length > PAGE ? pageToken(rows[PAGE - 1].name) : undefined }
  },
})
export const describeResource = action('DescribeStackResource', {
  policy: 'cloudformation:DescribeStackResource', summary: 'Show one resource with its metadata', input: shape({ StackName: stackName, LogicalResourceId: logicalId }),
  async handle(ctx, i) {
    const [found, [row]] = await ctx.read(stackQuery(ctx, i.StackName), resources(ctx, i.StackName, eq(stackResource.name, i.LogicalResourceId)))
    const s = theStack(found, i.StackName, { gone: true })
    if (!row) throw validation(`Resource ${i.LogicalResourceId} does not exist for stack ${s.name}`)
    return { StackResourceDetail: resourceView(ctx, s, openRow(ctx, row), true) }
  },
})
export const describeResources = action('DescribeStackResources', {
  policy: 'cloudformation:DescribeStackResources', summary: 'Show resources of a stack, or those of the stack something belongs to', input: shape({ StackName: t.Optional(stackName), LogicalResourceId: t.Optional(logicalId), PhysicalResourceId: t.Optional(t.String({ minLength: 1, maxLength: 1600 })) }),
  async handle(ctx, i) {
    if (i.StackName && i.PhysicalResourceId) throw validation('StackName and PhysicalResourceId cannot both be specified.')
    if (!i.StackName && !i.PhysicalResourceId) throw validation('One of StackName and PhysicalResourceId must be specified.')
    let name = i.StackName
    if (i.PhysicalResourceId) {
      const [[row]] = await ctx.read(q.select({ stack: stack.id }).from(stackResource).innerJoin(stack, eq(stack.id, stackResource.stack)).where(and(eq(stackResource.physicalId, i.PhysicalResourceId), eq(stack.project, ctx.project), isNull(stack.deletedAt))).limit(1))
      if (!row) throw validation(`Stack for ${i.PhysicalResourceId} does not exist`)
      name = row.stack
    }
    const [found, rows] = await ctx.read(stackQuery(ctx, name!), resources(ctx, name!, i.LogicalResourceId ? eq(stackResource.name, i.LogicalResourceId) : undefined).limit(PAGE))
    const s = theStack(found, name!, { gone: true })
    return { StackResources: rows.filter((r) => r.action !== 'INIT').map((r) => resourceView(ctx, s, openRow(ctx, r))) }
  },
})

const exportsOf = (ctx: Ctx) => q.all<{ stack: string; stackName: string; name: string; value: Sealed<unknown> }>(sql`select s.id as stack, s.name as stackName, json_extract(o.value, '$.export') as name, json_extract(o.value, '$.value') as value from stack s, json_each(s.outputs) o
  where s.project = ${ctx.project} and s.deleted_at is null and json_extract(o.value, '$.export') is not null order by 3`)
export const listExports = action('ListExports', {
  policy: 'cloudformation:ListExports', summary: 'Values that stacks offer to others', input: shape({ NextToken: nextToken }),
  async handle(ctx, i) {
    const at = readToken(i.NextToken), [all] = await ctx.read(exportsOf(ctx)), rows = all.filter((r) => !at || r.name > String(at[0]))
    return { Exports: rows.slice(0, PAGE).map((r) => ({ ExportingStackId: `arn:aws:cloudformation:${ctx.env.REGION ?? 'RegionOne'}:${ctx.project}:stack/${r.stackName}/${r.stack}`, Name: r.name, Value: String(openValue(ctx, r.stack, r.value)) })), NextToken: rows.length > PAGE ? pageToken(rows[PAGE - 1].name) : undefined }
  },
})
export const listImports = action('ListImports', {
  policy: 'cloudformation:ListImports', summary: 'Stacks that use an exported value', input: shape({ ExportName: t.String({ minLength: 1, maxLength: 255 }), NextToken: nextToken }),
  async handle(ctx, i) {
    const importers = (await importing(ctx)).filter((x) => x.names.includes(i.ExportName)).map((x) => x.stack)
    if (!importers.length) throw validation(`Export '${i.ExportName}' is not imported by any stack.`)
    return { Imports: importers }
  },
})
