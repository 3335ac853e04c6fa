import { createHash } from 'node:crypto'
import { isoMicros, isoSeconds, view } from '../../kernel/view.ts'
import { linksOf, statusOf, type Server } from './model.ts'
import type { Ctx } from '../../kernel/ctx.ts'

/** A server with all that is shown of it but lies elsewhere. */
export interface Shown {
  ctx: Ctx; server: Server
  addresses: Record<string, Record<string, unknown>[]>; groups: string[]
  volumes: { id: string; deleteOnTermination: boolean }[]
  host?: { name: string; zone: string; up: boolean; enabled: boolean; forcedDown: boolean }
  /** For admins. */
  userData?: string | null
  deletedAt?: number
  /** Which group it is in: shown for one server, not in lists. */
  single?: boolean
}

/** Tells hosts apart without naming them. */
const hostId = (s: Server) => (s.host ? createHash('sha224').update(s.project + s.host).digest('hex') : '')
const bookmark = (ctx: Ctx, kind: string, id: string) => ({ id, links: [{ rel: 'bookmark', href: `${ctx.origin}/compute/${kind}/${id}` }] })
const when = (t: number | null | undefined) => (t ? isoMicros(t) : null)

export const briefView = view<{ ctx: Ctx; server: Server }>(({ ctx, server: s }) => ({ id: s.id, name: s.name, links: linksOf(ctx, s.id) }))

/** What an update answers before 2.75: little. */
export const plainView = view<Shown>((x) => {
  const { ctx, server: s } = x, status = x.deletedAt ? 'DELETED' : statusOf(s)
  return {
    id: s.id, name: s.name, status, tenant_id: s.project, user_id: s.user, metadata: s.metadata, hostId: hostId(s),
    image: s.image ? bookmark(ctx, 'images', s.image) : '', flavor: bookmark(ctx, 'flavors', s.shape.id), created: isoSeconds(s.createdAt), updated: isoSeconds(s.updatedAt),
    addresses: s.state === 'building' ? {} : x.addresses, accessIPv4: s.accessIPv4 ?? '', accessIPv6: s.accessIPv6 ?? '', links: linksOf(ctx, s.id), 'OS-DCF:diskConfig': s.autoDisk ? 'AUTO' : 'MANUAL',
    progress: ['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING'].includes(status) ? (status === 'ACTIVE' ? 100 : 0) : undefined,
    fault: s.fault && (status === 'ERROR' || status === 'DELETED') ? { code: s.fault.code, created: isoSeconds(s.fault.created), message: s.fault.message, ...(s.fault.details && (ctx.caller.admin || s.fault.code !== 500) ? { details: s.fault.details } : {}) } : undefined,
  }
})
  .since('2.9', ({ server: s }) => ({ locked: s.lockedBy !== null }))
  .since('2.19', ({ server: s }) => ({ description: s.description }))
  .since('2.26', ({ server: s }) => ({ tags: s.tags }))
  .since('2.47', ({ server: { shape: f } }) => ({ flavor: { vcpus: f.vcpus, ram: f.memoryMb, disk: f.diskGb, ephemeral: f.ephemeralGb, swap: f.swapMb, original_name: f.name, extra_specs: f.extraSpecs } }))
  .since('2.63', ({ server: s }) => ({ trusted_image_certificates: s.trustedCerts }))
  .since('2.71', ({ server: s, single }) => (single ? { server_groups: s.group ? [s.group] : [] } : {}))
  .since('2.73', ({ server: s }) => ({ locked_reason: s.lockedReason }))
  .since('2.90', ({ server: s }) => ({ 'OS-EXT-SRV-ATTR:hostname': s.hostname }))
  .since('2.96', ({ server: s }) => ({ pinned_availability_zone: s.zone }))

const detailOnly = view<Shown>((x) => {
  const { ctx, server: s } = x
  return {
    key_name: s.keyName, config_drive: s.configDrive ? 'True' : '', 'OS-EXT-AZ:availability_zone': x.host?.zone ?? s.zone ?? '', 'OS-SRV-USG:launched_at': when(s.launchedAt), 'OS-SRV-USG:terminated_at': when(x.deletedAt),
    'OS-EXT-STS:task_state': s.task, 'OS-EXT-STS:vm_state': x.deletedAt ? 'deleted' : s.state, 'OS-EXT-STS:power_state': s.power,
    security_groups: s.state === 'building' && !x.groups.length ? [{ name: 'default' }] : x.groups.length ? x.groups.map((name) => ({ name })) : undefined,
    'os-extended-volumes:volumes_attached': x.volumes.map(({ id }) => ({ id })),
    ...(ctx.can('os_compute_api:os-extended-server-attributes') ? {
      'OS-EXT-SRV-ATTR:host': x.host?.name ?? null, 'OS-EXT-SRV-ATTR:hypervisor_hostname': x.host?.name ?? null, 'OS-EXT-SRV-ATTR:instance_name': `instance-${s.id.slice(0, 8)}`,
    } : {}),
  }
})
  .since('2.3', (x) => ({
    'os-extended-volumes:volumes_attached': x.volumes.map((v) => ({ id: v.id, delete_on_termination: v.deleteOnTermination })),
    ...(x.ctx.can('os_compute_api:os-extended-server-attributes') ? {
      'OS-EXT-SRV-ATTR:hostname': x.server.hostname, 'OS-EXT-SRV-ATTR:kernel_id': '', 'OS-EXT-SRV-ATTR:ramdisk_id': '', 'OS-EXT-SRV-ATTR:launch_index': x.server.launchIndex,
      'OS-EXT-SRV-ATTR:reservation_id': x.server.reservation, 'OS-EXT-SRV-ATTR:root_device_name': x.server.rootDevice, 'OS-EXT-SRV-ATTR:user_data': x.userData ?? null,
    } : {}),
  }))
  .since('2.16', (x) => (x.ctx.can('os_compute_api:servers:show:host_status') ? { host_status: hostStatus(x) } : {}))

function hostStatus({ server, host }: Shown) {
  if (!server.host || !host) return ''
  return host.forcedDown ? 'DOWN' : !host.up ? 'UNKNOWN' : host.enabled ? 'UP' : 'MAINTENANCE'
}

/** What update and rebuild answer before 2.75: addresses without what extensions added. */
export const bareView = { at: (version: number) => (x: Shown) => plainView.at(version)({ ...x, addresses: bareAddresses(x.addresses) }) }
export const bareAddresses = (all: Shown['addresses']) => Object.fromEntries(Object.entries(all).map(([name, list]) => [name, list.map(({ version, addr }) => ({ version, addr }))]))

/** Everything. */
export const serverView = { at: (version: number) => {
  const plain = plainView.at(version), detail = detailOnly.at(version)
  return (x: Shown) => Object.assign(plain(x), detail(x))
} }
