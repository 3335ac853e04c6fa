import { and, eq, gt, inArray } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { driftDetection, resourceDrift } from '../../../schema/cloudformation.ts'
import { stackResource } from '../../../schema/orchestration.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { ResourceRow, StackRow } from '../../orchestration/engine/record.ts'
import { open, openRow, openRows, shut } from '../../orchestration/engine/sealed.ts'
import { setOnStack } from '../../orchestration/stacks/set.ts'
import { findStack, validation } from '../find.ts'
import { action } from '../service.ts'
import { logicalId, nextToken, stackName } from '../shapes.ts'
import { pageToken, readToken } from '../tokens.ts'
import { iso, stackArn, statusOf } from '../view.ts'
import { lookAt, shownProperties, type Found } from './look.ts'

type Drift = typeof resourceDrift.$inferSelect
const rowsOf = (s: StackRow, names?: string[]) => q.select().from(stackResource).where(and(eq(stackResource.stack, s.id), eq(stackResource.current, true), names?.length ? inArray(stackResource.name, names) : undefined)).orderBy(stackResource.name)
const STEADY = /^(CREATE|UPDATE|ROLLBACK|UPDATE_ROLLBACK|IMPORT)_(COMPLETE|FAILED)$/

function note(ctx: Ctx, s: StackRow, r: ResourceRow, f: Found): Drift {
  const row: Drift = { resource: r.id, stack: s.id, name: r.name, status: f.status, reason: f.reason ?? null, differences: shut(ctx, r.id, f.differences), at: ctx.now() }
  ctx.stage(q.insert(resourceDrift).values(row).onConflictDoUpdate({ target: resourceDrift.resource, set: { status: row.status, reason: row.reason, differences: row.differences, at: row.at } }))
  return row
}
async function steady(ctx: Ctx, name: string): Promise<StackRow> {
  const s = await findStack(ctx, name), status = statusOf(s)
  if (!STEADY.test(status)) throw validation(`Drift detection cannot be performed while the stack is in ${status} state.`)
  return s
}

export const detect = action('DetectStackDrift', {
  policy: 'cloudformation:DetectStackDrift', summary: 'Look whether resources are still as the stack made them', input: shape({ StackName: stackName, LogicalResourceIds: t.Optional(t.Array(logicalId, { minItems: 1, maxItems: 200 })) }),
  async handle(ctx, i) {
    const s = await steady(ctx, i.StackName), [rows] = await ctx.read(rowsOf(s, i.LogicalResourceIds))
    const missing = i.LogicalResourceIds?.find((n) => !rows.some((r) => r.name === n))
    if (missing) throw validation(`Resource ${missing} does not exist for stack ${s.name}`)
    const found: Drift[] = []
    for (const r of openRows(ctx, rows)) found.push(note(ctx, s, r, await lookAt(ctx, s, r)))
    const drifted = found.filter((f) => f.status === 'MODIFIED' || f.status === 'DELETED').length, looked = found.filter((f) => f.status !== 'NOT_CHECKED').length
    const id = ctx.uuid(), status = drifted ? 'DRIFTED' as const : looked || !rows.length ? 'IN_SYNC' as const : 'UNKNOWN' as const, at = ctx.now()
    ctx.stage(q.insert(driftDetection).values({ id, project: s.project, stack: s.id, status, drifted, reason: null, at }))
    setOnStack(ctx, s, { extra: { ...s.extra, drift: { status, at } } })
    return { StackDriftDetectionId: id }
  },
})
export const status = action('DescribeStackDriftDetectionStatus', {
  policy: 'cloudformation:DescribeStackDriftDetectionStatus', summary: 'What a look found', input: shape({ StackDriftDetectionId: t.String({ minLength: 1, maxLength: 36 }) }),
  async handle(ctx, i) {
    const [[d]] = await ctx.read(q.select().from(driftDetection).where(and(eq(driftDetection.id, i.StackDriftDetectionId), eq(driftDetection.project, ctx.project))))
    if (!d) throw validation(`Drift detection with id ${i.StackDriftDetectionId} does not exist`)
    return { StackId: stackArn(ctx, await findStack(ctx, d.stack, { gone: true })), StackDriftDetectionId: d.id, StackDriftStatus: d.status, DetectionStatus: 'DETECTION_COMPLETE', DetectionStatusReason: d.reason ?? undefined, DriftedStackResourceCount: d.drifted, Timestamp: iso(d.at) }
  },
})

const KINDS = { ADD: 'ADD', REMOVE: 'REMOVE', NOT_EQUAL: 'NOT_EQUAL' } as const
async function view(ctx: Ctx, s: StackRow, r: ResourceRow, d: Drift) {
  const expected = await shownProperties(ctx, s, r), actual = structuredClone(expected), differences = open(ctx, r.id, d.differences)
  for (const x of differences) actual[x.path.slice(1).split('/')[0]] = x.actual
  const shown = d.status === 'NOT_CHECKED' ? {} : { ExpectedProperties: JSON.stringify(expected), ...(d.status === 'DELETED' ? {} : { ActualProperties: JSON.stringify(actual) }) }
  return {
    StackId: stackArn(ctx, s), LogicalResourceId: r.name, PhysicalResourceId: r.physicalId ?? undefined, ResourceType: r.type, ...shown,
    PropertyDifferences: differences.map((x) => ({ PropertyPath: x.path, ExpectedValue: x.expected, ActualValue: x.actual, DifferenceType: KINDS[x.type] })), StackResourceDriftStatus: d.status, Timestamp: iso(d.at), DriftStatusReason: d.reason ?? undefined,
  }
}
export const detectResource = action('DetectStackResourceDrift', {
  policy: 'cloudformation:DetectStackResourceDrift', summary: 'Look at one resource', input: shape({ StackName: stackName, LogicalResourceId: logicalId }),
  async handle(ctx, i) {
    const s = await steady(ctx, i.StackName), [[stored]] = await ctx.read(rowsOf(s, [i.LogicalResourceId]))
    if (!stored) throw validation(`Resource ${i.LogicalResourceId} does not exist for stack ${s.name}`)
    const r = openRow(ctx, stored)
    return { StackResourceDrift: await view(ctx, s, r, note(ctx, s, r, await lookAt(ctx, s, r))) }
  },
})
export const resources = action('DescribeStackResourceDrifts', {
  policy: 'cloudformation:DescribeStackResourceDrifts', summary: 'What was found of each resource last', input: shape({ StackName: stackName, StackResourceDriftStatusFilters: t.Optional(t.Array(t.Enum(['IN_SYNC', 'MODIFIED', 'DELETED', 'NOT_CHECKED', 'UNKNOWN', 'UNSUPPORTED']))), NextToken: nextToken, MaxResults: t.Optional(t.Integer({ minimum: 1, maximum: 100 })) }),
  async handle(ctx, i) {
    const s = await findStack(ctx, i.StackName), at = readToken(i.NextToken), size = i.MaxResults ?? 100
    const [rows] = await ctx.read(q.select({ r: stackResource, d: resourceDrift }).from(resourceDrift).innerJoin(stackResource, eq(stackResource.id, resourceDrift.resource)).where(and(eq(resourceDrift.stack, s.id), i.StackResourceDriftStatusFilters?.length ? inArray(resourceDrift.status, i.StackResourceDriftStatusFilters as Drift['status'][]) : undefined, at ? gt(resourceDrift.name, String(at[0])) : undefined)).orderBy(resourceDrift.name).limit(size + 1))
    return { StackResourceDrifts: await Promise.all(rows.slice(0, size).map(({ r, d }) => view(ctx, s, openRow(ctx, r), d))), NextToken: rows.length > size ? pageToken(rows[size - 1].r.name) : undefined }
  },
})
