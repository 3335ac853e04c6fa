import { Type as t } from 'typebox'
import { invalid, notFound } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'

/** What is listed so that clients know what they may use. */
const known: [alias: string, name: string, description: string][] = [
  ['OS-SCH-HNT', 'SchedulerHints', 'Pass arbitrary key/value pairs to the scheduler.'], ['backups', 'Backups', 'Backups support.'], ['capabilities', 'Capabilities', 'Capabilities support.'], ['encryption', 'VolumeEncryptionMetadata', 'Volume encryption metadata retrieval support.'],
  ['os-admin-actions', 'AdminActions', 'Enable admin actions.'], ['os-availability-zone', 'AvailabilityZones', 'Describe Availability Zones.'], ['os-extended-snapshot-attributes', 'ExtendedSnapshotAttributes', 'Extended SnapshotAttributes support.'], ['os-hosts', 'Hosts', 'Admin-only host administration.'],
  ['os-quota-class-sets', 'QuotaClasses', 'Quota classes management support.'], ['os-quota-sets', 'Quotas', 'Quota management support.'], ['os-services', 'Services', 'Services support.'], ['os-snapshot-actions', 'SnapshotActions', 'Enable snapshot manager actions.'],
  ['os-types-extra-specs', 'TypesExtraSpecs', 'Type extra specs support.'], ['os-types-manage', 'TypesManage', 'Types manage support.'], ['os-used-limits', 'UsedLimits', 'Provide data on limited resource that are being used.'], ['os-vol-host-attr', 'VolumeHostAttribute', 'Expose host as an attribute of a volume.'],
  ['os-vol-image-meta', 'VolumeImageMetadata', 'Show image metadata associated with the volume.'], ['os-vol-mig-status-attr', 'VolumeMigStatusAttribute', 'Expose migration_status as an attribute of a volume.'], ['os-vol-tenant-attr', 'VolumeTenantAttribute', 'Expose the internal project_id as an attribute of a volume.'],
  ['os-volume-actions', 'VolumeActions', 'Enable volume actions.'], ['os-volume-encryption-metadata', 'VolumeEncryptionMetadata', 'Volume encryption metadata retrieval support.'], ['os-volume-transfer', 'VolumeTransfer', 'Volume transfer management support.'], ['os-volume-type-access', 'VolumeTypeAccess', 'Volume type access support.'],
  ['os-volume-unmanage', 'VolumeUnmanage', 'Enable volume unmanage operation.'], ['qos-specs', 'Qos_specs_manage', 'QoS specs support.'], ['scheduler-stats', 'Scheduler_stats', 'Scheduler stats support.'],
]
const extension = ([alias, name, description]: (typeof known)[number]) => ({ alias, name, description, links: [], updated: '2026-11-01T00:00:00+00:00' })
const offered = known.filter(([alias]) => alias !== 'os-volume-unmanage')

const filters: Record<string, string[]> = {
  volume: ['name', 'status', 'metadata', 'bootable', 'migration_status', 'availability_zone', 'group_id', 'size', 'created_at', 'updated_at', 'glance_metadata', 'user_id'], snapshot: ['name', 'status', 'volume_id', 'metadata', 'availability_zone'], attachment: ['volume_id', 'status', 'instance_id', 'attach_status'],
  backup: ['name', 'status', 'volume_id', 'metadata'], message: ['resource_uuid', 'resource_type', 'event_id', 'request_id', 'message_level'], group: [], group_snapshot: ['status', 'group_id'], pool: [], volume_type: ['is_public', 'name', 'extra_specs'],
}
const admin = 'volume_extension:admin_actions' as const
/** Disks come from volumes here, never the other way round. */
const unmanaged = (id: string, path: string, key: string, since?: string) => [
  ...['', '/detail'].map((end) => endpoint({ id: `${id}.${end ? 'detail' : 'list'}`, method: 'GET', path: path + end, status: 200, since, policy: admin, summary: 'List disks that could become volumes (none)', handle: () => ({ [key]: [] }) })),
  endpoint({ id: `${id}.create`, method: 'POST', path, status: 202, since, policy: admin, summary: 'Make a volume of a disk (not offered)', body: { '3.0': t.Object({}) }, handle() { throw invalid('A host\'s own disks are not made into volumes.') } }),
]

export default [
  endpoint({ id: 'extensions.list', method: 'GET', path: '/extensions', status: 200, policy: 'any:read', summary: 'List extensions', handle: () => ({ extensions: offered.map(extension) }) }),
  endpoint({ id: 'extensions.show', method: 'GET', path: '/extensions/{alias}', status: 200, policy: 'any:read', summary: 'Show an extension', handle(_, { params }) { const e = offered.find(([a]) => a === params.alias); if (!e) throw notFound('extension', params.alias, `Extension with id ${params.alias.slice(0, 64)} does not exist.`); return { extension: extension(e) } } }),
  endpoint({
    id: 'resource-filters', method: 'GET', path: '/resource_filters', status: 200, since: '3.33', policy: 'any:read', summary: 'List the filters that lists take',
    handle: (_, { query }) => ({ resource_filters: Object.entries(filters).filter(([r]) => !query.has('resource') || query.get('resource') === r).map(([resource, names]) => ({ resource, filters: names })) }),
  }),
  ...['', '/detail'].map((end) => endpoint({ id: `clusters.${end ? 'detail' : 'list'}`, method: 'GET', path: `/clusters${end}`, status: 200, since: '3.7', policy: 'clusters:get', summary: 'List clusters (none)', handle: () => ({ clusters: [] }) })),
  endpoint({ id: 'clusters.show', method: 'GET', path: '/clusters/{name}', status: 200, since: '3.7', policy: 'clusters:get', summary: 'Show a cluster (there is none)', handle(_, { params }) { throw notFound('cluster', params.name, `Cluster ${params.name.slice(0, 255)} could not be found.`) } }),
  ...['enable', 'disable'].map((word) => endpoint({ id: `clusters.${word}`, method: 'PUT', path: `/clusters/${word}`, status: 200, since: '3.7', policy: 'clusters:get', summary: `${word} a cluster (there is none)`, body: { '3.7': t.Object({ name: t.String({ minLength: 1, maxLength: 255 }), binary: t.Optional(t.String()), disabled_reason: t.Optional(t.String()) }) }, handle(_, { body }) { throw notFound('cluster', body.name, `Cluster ${body.name} could not be found.`) } })),
  endpoint({ id: 'workers.cleanup', method: 'POST', path: '/workers/cleanup', status: 202, since: '3.24', policy: 'workers:cleanup', summary: 'Take up work a host left (sagas do so by themselves)', body: { '3.24': t.Object(Object.fromEntries(['cluster_name', 'service_id', 'host', 'binary', 'is_up', 'disabled', 'resource_id', 'resource_type'].map((n) => [n, t.Optional(t.Unknown())])), { additionalProperties: false }) }, handle: () => ({ cleaning: [], unavailable: [] }) }),
  ...unmanaged('manageable-volumes', '/manageable_volumes', 'manageable-volumes', '3.8'), ...unmanaged('manageable-snapshots', '/manageable_snapshots', 'manageable-snapshots', '3.8'),
  ...unmanaged('os-volume-manage', '/os-volume-manage', 'manageable-volumes'), ...unmanaged('os-snapshot-manage', '/os-snapshot-manage', 'manageable-snapshots'),
]
