import { isoMicros } from '../../kernel/view.ts'
import { idOf } from '../ids.ts'
import { iso } from '../shapes.ts'
import { groupsIn, type Around } from './look.ts'
import { reasonOf, stateOf } from './state.ts'
import type { Tag } from '../filters.ts'

/** Which reservation an instance is shown in; not among its own elements. */
export const RESERVATION = Symbol('reservation')
const v4 = (port: any) => (port.fixed_ips as { ip_address: string; subnet_id: string }[]).filter((f) => !f.ip_address.includes(':'))
const routed = (port: any) => !(port.allowed_address_pairs as { ip_address: string }[]).some((p) => p.ip_address === '0.0.0.0/0')
const when = (micros: number | null | undefined) => (micros ? iso(isoMicros(micros)) : undefined)

function interfaceView(port: any, n: number, x: Around) {
  const [first] = v4(port), floats = x.floating.get(port.id), association = (address: string) => (floats?.fixed_ip_address === address ? { publicIp: floats.floating_ip_address, publicDnsName: '', ipOwnerId: floats.project_id } : undefined)
  return {
    networkInterfaceId: idOf('network-interface', port.id), subnetId: first && idOf('subnet', first.subnet_id), vpcId: idOf('vpc', port.network_id), description: port.description, ownerId: port.project_id, status: 'in-use', macAddress: port.mac_address, interfaceType: 'interface',
    privateIpAddress: first?.ip_address, sourceDestCheck: routed(port), groupSet: groupsIn(x, port), association: first && association(first.ip_address),
    attachment: { attachmentId: idOf('interface-attachment', port.id), deviceIndex: n, status: 'attached', attachTime: iso(port.created_at), deleteOnTermination: Boolean(port.made), networkCardIndex: 0 },
    privateIpAddressesSet: v4(port).map((f, i) => ({ privateIpAddress: f.ip_address, primary: i === 0, association: association(f.ip_address) })),
    ipv6AddressesSet: port.fixed_ips.filter((f: any) => f.ip_address.includes(':')).map((f: any) => ({ ipv6Address: f.ip_address })),
  }
}

/** A server with what lies around it, as an instance. */
export function instanceView(s: any, x: Around) {
  const ports = x.ports.get(s.id) ?? [], nics = ports.map((p, n) => interfaceView(p, n, x)), [first] = nics, launch = x.launches.get(s.id), disks = [...x.disks.get(s.id) ?? []].sort((a, b) => Number(a.bootIndex !== 0) - Number(b.bootIndex !== 0) || ((a.device ?? '') < (b.device ?? '') ? -1 : 1))
  const root = disks.find((d) => d.bootIndex === 0)
  return {
    [RESERVATION]: launch?.reservation ?? `r-${s.id.slice(0, 8)}`,
    instanceId: idOf('instance', s.id), imageId: s.image?.id ? idOf('image', s.image.id) : '', instanceState: stateOf(s), stateReason: reasonOf(s), reason: '', privateDnsName: s['OS-EXT-SRV-ATTR:hostname'] ?? '', dnsName: first?.association?.publicIp ?? '', keyName: s.key_name ?? undefined, amiLaunchIndex: launch?.launchIndex ?? 0, productCodes: [],
    instanceType: s.flavor.original_name, launchTime: iso(s['OS-SRV-USG:launched_at'] ?? s.created), placement: { availabilityZone: s['OS-EXT-AZ:availability_zone'] || s.pinned_availability_zone || 'nova', groupName: '', tenancy: 'default' }, monitoring: { state: 'disabled' },
    subnetId: first?.subnetId, vpcId: first?.vpcId, privateIpAddress: first?.privateIpAddress, ipAddress: first?.association?.publicIp, sourceDestCheck: first?.sourceDestCheck ?? true, groupSet: [...new Map(nics.flatMap((n) => n.groupSet).map((g) => [g.groupId, g])).values()],
    architecture: 'x86_64', rootDeviceType: root ? 'ebs' : 'instance-store', rootDeviceName: launch?.rootDevice ?? '/dev/vda', virtualizationType: 'hvm', ebsOptimized: false, enaSupport: false, hibernationOptions: { configured: false }, platformDetails: 'Linux/UNIX',
    blockDeviceMapping: disks.filter((d) => d.device).map((d) => ({ deviceName: d.device as string, ebs: { volumeId: idOf('volume', d.volume), status: d.status === 'reserved' ? 'attaching' : d.status, attachTime: when(d.attachedAt ?? d.createdAt), deleteOnTermination: d.deleteOnTermination } })),
    networkInterfaceSet: nics, tagSet: [] as Tag[], ownerId: s.tenant_id,
  }
}
export type Instance = ReturnType<typeof instanceView>

/** Instances in the reservations they came in. */
export const reservations = (list: Instance[]) => [...Map.groupBy(list, (i) => i[RESERVATION])].map(([reservationId, of]) => ({
  reservationId, ownerId: of[0].ownerId, groupSet: [], instancesSet: of.map(({ ownerId: _, ...i }) => i),
}))
