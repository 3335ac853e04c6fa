import type { stackEvent } from '../../schema/orchestration.ts'
import { arn } from '../aws/arn.ts'
import type { Ctx } from '../kernel/ctx.ts'
import type { ResourceRow, StackRow } from '../orchestration/engine/record.ts'
import { open, openOutputs } from '../orchestration/engine/sealed.ts'

export const iso = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString()
export const stackArn = (ctx: Ctx, s: Pick<StackRow, 'id' | 'name'>) => arn(ctx, 'cloudformation', `stack/${s.name}/${s.id}`)

/** What the native API does and AWS does not know is an update to its clients. */
const AWS: Record<string, string> = { ADOPT: 'IMPORT', SUSPEND: 'UPDATE', RESUME: 'UPDATE', CHECK: 'UPDATE', SNAPSHOT: 'UPDATE', RESTORE: 'UPDATE', INIT: 'CREATE' }
const word = (action: string, origin: string | null) => (action === 'ROLLBACK' ? (origin === 'UPDATE' ? 'UPDATE_ROLLBACK' : 'ROLLBACK') : AWS[action] ?? action)
export function statusOf(s: Pick<StackRow, 'action' | 'status' | 'origin' | 'cleaning'>): string {
  const w = word(s.action, s.origin)
  return s.cleaning && s.status === 'IN_PROGRESS' && /^(UPDATE|UPDATE_ROLLBACK)$/.test(w) ? `${w}_COMPLETE_CLEANUP_IN_PROGRESS` : `${w}_${s.status}`
}
/** As the native API calls those that AWS's word stands for. */
export function statesOf(status: string): { action: string[]; status: string; origin?: string; cleaning?: boolean } {
  const cleaning = status.endsWith('_COMPLETE_CLEANUP_IN_PROGRESS'), m = /^(UPDATE_ROLLBACK|IMPORT_ROLLBACK|ROLLBACK|[A-Z]+)_(?:COMPLETE_CLEANUP_)?(IN_PROGRESS|COMPLETE|FAILED)$/.exec(status)
  const [, action = '', state = ''] = m ?? []
  if (action === 'UPDATE_ROLLBACK' || action === 'ROLLBACK') return { action: ['ROLLBACK'], status: state, origin: action === 'ROLLBACK' ? 'CREATE' : 'UPDATE', cleaning: state === 'IN_PROGRESS' ? cleaning : undefined }
  return { action: [action, ...Object.keys(AWS).filter((k) => AWS[k] === action)], status: state, cleaning: state === 'IN_PROGRESS' && action === 'UPDATE' ? cleaning : undefined }
}
const text = (v: unknown) => (typeof v === 'string' ? v : JSON.stringify(v) ?? '')
const drift = (s: StackRow) => { const d = s.extra.drift as { status?: string; at?: number } | undefined; return { StackDriftStatus: d?.status ?? 'NOT_CHECKED', LastCheckTimestamp: d?.at ? iso(d.at) : undefined } }

export function stackView(ctx: Ctx, s: StackRow) {
  const tags = (s.extra.tags as { Key: string; Value: string }[] | undefined) ?? s.tags.map((t) => ({ Key: t, Value: t }))
  const parent = s.extra.parents as { parent: string; root: string } | undefined
  return {
    StackId: stackArn(ctx, s), StackName: s.name, ChangeSetId: s.extra.changeSet as string | undefined, Description: s.description || undefined,
    Parameters: Object.entries(open(ctx, s.id, s.parameters)).map(([ParameterKey, v]) => ({ ParameterKey, ParameterValue: text(v), ResolvedValue: (s.extra.resolved as Record<string, string> | undefined)?.[ParameterKey] })),
    CreationTime: iso(s.createdAt), DeletionTime: s.deletedAt ? iso(s.deletedAt) : undefined, LastUpdatedTime: s.updatedAt && s.action !== 'CREATE' ? iso(s.updatedAt) : undefined,
    RollbackConfiguration: {}, StackStatus: statusOf(s), StackStatusReason: s.status === 'COMPLETE' && s.action !== 'ROLLBACK' ? undefined : s.reason || undefined, DisableRollback: s.onFailure === 'keep', NotificationARNs: (s.extra.notifications as string[] | undefined) ?? [], TimeoutInMinutes: s.timeout ?? undefined,
    Capabilities: (s.extra.capabilities as string[] | undefined) ?? [], Outputs: openOutputs(ctx, s).filter((o) => !o.error && o.value !== null && o.value !== undefined).map((o) => ({ OutputKey: o.key, OutputValue: text(o.value), Description: o.description || undefined, ExportName: o.export })),
    RoleARN: s.extra.role as string | undefined, Tags: tags, EnableTerminationProtection: s.protected, ParentId: parent?.parent ?? (s.owner ? arn(ctx, 'cloudformation', `stack/${s.owner}/${s.owner}`) : undefined), RootId: s.owner ? arn(ctx, 'cloudformation', `stack/${s.root}/${s.root}`) : undefined,
    DriftInformation: drift(s),
  }
}
export const summaryView = (ctx: Ctx, s: StackRow) => ({
  StackId: stackArn(ctx, s), StackName: s.name, TemplateDescription: s.description || undefined, CreationTime: iso(s.createdAt), LastUpdatedTime: s.updatedAt && s.action !== 'CREATE' ? iso(s.updatedAt) : undefined, DeletionTime: s.deletedAt ? iso(s.deletedAt) : undefined,
  StackStatus: statusOf(s), StackStatusReason: s.status === 'COMPLETE' ? undefined : s.reason || undefined, ParentId: s.owner ? arn(ctx, 'cloudformation', `stack/${s.owner}/${s.owner}`) : undefined, RootId: s.owner ? arn(ctx, 'cloudformation', `stack/${s.root}/${s.root}`) : undefined, DriftInformation: drift(s),
})

const resourceStatus = (action: string, status: string) => `${AWS[action] ?? action}_${status}`
const checked = (_: ResourceRow) => ({ StackResourceDriftStatus: 'NOT_CHECKED' })
const physical = (r: ResourceRow) => (typeof r.attributes.$ref === 'string' && r.type.startsWith('AWS::') && !r.type.includes('WaitCondition') ? r.attributes.$ref : r.physicalId ?? undefined)
export function resourceView(ctx: Ctx, s: StackRow, r: ResourceRow, detail = false) {
  const time = iso(r.updatedAt)
  return {
    StackName: s.name, StackId: stackArn(ctx, s), LogicalResourceId: r.name, PhysicalResourceId: physical(r), ResourceType: r.type, ...(detail ? { LastUpdatedTimestamp: time } : { Timestamp: time }),
    ResourceStatus: resourceStatus(r.action, r.status), ResourceStatusReason: r.reason || undefined, ...(detail ? { Metadata: Object.keys(r.metadata).length ? JSON.stringify(r.metadata) : undefined } : {}), DriftInformation: checked(r),
  }
}
export const resourceSummary = (r: ResourceRow) => ({
  LogicalResourceId: r.name, PhysicalResourceId: physical(r), ResourceType: r.type, LastUpdatedTimestamp: iso(r.updatedAt), ResourceStatus: resourceStatus(r.action, r.status), ResourceStatusReason: r.reason || undefined, DriftInformation: checked(r),
})

export function eventView(ctx: Ctx, s: StackRow, e: typeof stackEvent.$inferSelect) {
  const own = e.physicalId === s.id
  return {
    StackId: stackArn(ctx, s), EventId: e.id, StackName: s.name, LogicalResourceId: e.name, PhysicalResourceId: own ? stackArn(ctx, s) : e.physicalId ?? '', ResourceType: own ? 'AWS::CloudFormation::Stack' : e.type, Timestamp: iso(e.at),
    ResourceStatus: own ? `${word(e.action, s.origin)}_${e.status}` : resourceStatus(e.action, e.status), ResourceStatusReason: e.reason && e.reason !== 'state changed' ? e.reason : undefined, ClientRequestToken: e.token ?? undefined,
  }
}
