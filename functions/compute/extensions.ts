import { inArray } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { server } from '../../schema/compute.ts'
import { q } from '../kernel/db.ts'
import { notFound, unsupported } from '../kernel/fault.ts'
import { listMoves } from './servers/moves/api.ts'
import { endpoint } from './service.ts'
import { closed, uuid } from './shapes.ts'

/** What version 2.1 once called extensions: all are part of it, the names remain. */
const names: Record<string, string> = {
  'OS-DCF': 'DiskConfig', 'OS-EXT-AZ': 'ExtendedAvailabilityZone', 'OS-EXT-IPS': 'ExtendedIps', 'OS-EXT-IPS-MAC': 'ExtendedIpsMac', 'OS-EXT-SRV-ATTR': 'ExtendedServerAttributes', 'OS-EXT-STS': 'ExtendedStatus', 'OS-FLV-DISABLED': 'FlavorDisabled', 'OS-FLV-EXT-DATA': 'FlavorExtraData',
  'OS-SCH-HNT': 'SchedulerHints', 'OS-SRV-USG': 'ServerUsage', 'os-admin-actions': 'AdminActions', 'os-aggregates': 'Aggregates', 'os-attach-interfaces': 'AttachInterfaces', 'os-availability-zone': 'AvailabilityZone', 'os-block-device-mapping-v2-boot': 'BlockDeviceMappingV2Boot', 'os-config-drive': 'ConfigDrive',
  'os-console-output': 'ConsoleOutput', 'os-consoles': 'Consoles', 'os-create-backup': 'CreateBackup', 'os-deferred-delete': 'DeferredDelete', 'os-extended-volumes': 'ExtendedVolumes', 'os-flavor-access': 'FlavorAccess', 'os-flavor-extra-specs': 'FlavorExtraSpecs', 'os-flavor-manage': 'FlavorManage', 'os-hosts': 'Hosts',
  'os-hypervisors': 'Hypervisors', 'os-instance-actions': 'InstanceActions', 'os-keypairs': 'Keypairs', 'os-lock-server': 'LockServer', 'os-migrations': 'Migrations', 'os-multiple-create': 'MultipleCreate', 'os-pause-server': 'PauseServer', 'os-quota-class-sets': 'QuotaClasses', 'os-quota-sets': 'Quotas', 'os-rescue': 'Rescue',
  'os-security-groups': 'SecurityGroups', 'os-server-diagnostics': 'ServerDiagnostics', 'os-server-external-events': 'ServerExternalEvents', 'os-server-groups': 'ServerGroups', 'os-server-password': 'ServerPassword', 'os-services': 'Services', 'os-shelve': 'Shelve', 'os-simple-tenant-usage': 'SimpleTenantUsage',
  'os-suspend-server': 'SuspendServer', 'os-user-data': 'UserData', 'os-volumes': 'Volumes', 'os-used-limits': 'UsedLimits',
}
const view = (alias: string) => ({ alias, name: names[alias], namespace: 'http://docs.openstack.org/compute/ext/fake_xml', updated: '2014-12-03T00:00:00Z', description: `${names[alias]}: part of this API.`, links: [] })
const kinds = ['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted'] as const
const event = (events: readonly string[]) => t.Object({ events: t.Array(t.Object({ name: t.Enum(events as [string]), server_uuid: uuid, status: t.Optional(t.Enum(['failed', 'completed', 'in-progress'])), tag: t.Optional(t.String({ maxLength: 255 })) }, closed), { minItems: 1 }) }, closed)

export default [
  endpoint({ id: 'extensions.list', method: 'GET', path: '/extensions', status: 200, summary: 'List extensions', policy: 'os_compute_api:extensions', handle: () => ({ extensions: Object.keys(names).map(view) }) }),
  endpoint({
    id: 'extensions.show', method: 'GET', path: '/extensions/{alias}', status: 200, summary: 'Show an extension', policy: 'os_compute_api:extensions',
    handle(_ctx, { params }) {
      if (!Object.hasOwn(names, params.alias)) throw notFound('extension', params.alias, `No extension ${params.alias}.`)
      return { extension: view(params.alias) }
    },
  }),
  endpoint({
    id: 'migrations.list', method: 'GET', path: '/os-migrations', status: 200, summary: 'Moves and resizes of servers', policy: 'os_compute_api:os-migrations:index',
    handle: listMoves,
  }),
  endpoint({
    id: 'external_events', method: 'POST', path: '/os-server-external-events', status: 200, summary: 'What other services have to tell about servers', policy: 'os_compute_api:os-server-external-events:create',
    body: { '2.1': event(kinds), '2.51': event([...kinds, 'volume-extended']), '2.76': event([...kinds, 'volume-extended', 'power-update']), '2.82': event([...kinds, 'volume-extended', 'power-update', 'accelerator-request-bound']), '2.93': event([...kinds, 'volume-extended', 'power-update', 'accelerator-request-bound', 'volume-reimaged']) },
    async handle(ctx, { body }) {
      const [rows] = await ctx.read(q.select({ id: server.id, host: server.host }).from(server).where(inArray(server.id, body.events.map((e) => e.server_uuid))))
      const events = body.events.map((e) => {
        const s = rows.find((r) => r.id === e.server_uuid), code = !s ? 404 : !s.host ? 422 : 200
        return { ...e, status: code === 200 ? e.status ?? 'completed' : 'failed', code }
      })
      // Ports and power follow from what hosts show; there is nothing to do but to say who is known.
      if (events.every((e) => e.code === 404)) throw notFound('instance', '', 'No instances found for any event')
      return Response.json({ events }, { status: events.every((e) => e.code === 200) ? 200 : 207 })
    },
  }),
  ...[['POST', '/os-assisted-volume-snapshots', 'create'], ['DELETE', '/os-assisted-volume-snapshots/{snapshot}', 'delete']].map(([method, path, what]) => endpoint({
    id: `assisted_snapshots.${what}`, method: method as 'POST', path, status: 200, summary: 'Snapshots made with the help of hypervisors: hosts make them by themselves', policy: `os_compute_api:os-assisted-volume-snapshots:${what as 'create'}`,
    handle() { throw unsupported('Volume snapshots are made by the hosts themselves: create one with the block storage API.') },
  })),
]
