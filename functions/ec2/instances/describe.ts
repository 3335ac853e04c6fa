import { describe } from '../describe.ts'
import type { Sights } from '../filters.ts'
import { compute } from '../call.ts'
import { flag } from '../shapes.ts'
import { around, past, servers } from './look.ts'
import { instanceView, RESERVATION, reservations, type Instance } from './view.ts'

type Nic = Instance['networkInterfaceSet'][number]
const nic = (of: (n: Nic) => unknown) => (i: Instance) => i.networkInterfaceSet.map(of)
const disk = (of: (d: Instance['blockDeviceMapping'][number]) => unknown) => (i: Instance) => i.blockDeviceMapping.map(of)

export const filters: Sights<Instance> = {
  'instance-id': (i) => i.instanceId, 'image-id': (i) => i.imageId, 'instance-state-name': (i) => i.instanceState.name, 'instance-state-code': (i) => i.instanceState.code, 'instance-type': (i) => i.instanceType, 'key-name': (i) => i.keyName,
  'launch-index': (i) => i.amiLaunchIndex, 'launch-time': (i) => i.launchTime, 'reservation-id': (i) => i[RESERVATION], 'owner-id': (i) => i.ownerId, 'availability-zone': (i) => i.placement.availabilityZone, tenancy: (i) => i.placement.tenancy, 'placement-group-name': (i) => i.placement.groupName,
  architecture: (i) => i.architecture, hypervisor: () => undefined, 'virtualization-type': (i) => i.virtualizationType, 'root-device-name': (i) => i.rootDeviceName, 'root-device-type': (i) => i.rootDeviceType, 'platform-details': (i) => i.platformDetails, 'monitoring-state': (i) => i.monitoring.state,
  'private-dns-name': (i) => i.privateDnsName, 'dns-name': (i) => i.dnsName, 'private-ip-address': (i) => i.networkInterfaceSet.flatMap((n) => n.privateIpAddressesSet.map((a) => a.privateIpAddress)), 'ip-address': nic((n) => n.association?.publicIp), 'source-dest-check': (i) => i.sourceDestCheck,
  'subnet-id': nic((n) => n.subnetId), 'vpc-id': nic((n) => n.vpcId), 'instance.group-id': (i) => i.groupSet.map((g) => g.groupId), 'instance.group-name': (i) => i.groupSet.map((g) => g.groupName), 'group-id': (i) => i.groupSet.map((g) => g.groupId), 'group-name': (i) => i.groupSet.map((g) => g.groupName),
  'state-reason-code': (i) => i.stateReason?.code, 'instance-lifecycle': () => undefined, 'client-token': () => undefined,
  'block-device-mapping.volume-id': disk((d) => d.ebs.volumeId), 'block-device-mapping.device-name': disk((d) => d.deviceName), 'block-device-mapping.status': disk((d) => d.ebs.status), 'block-device-mapping.delete-on-termination': disk((d) => d.ebs.deleteOnTermination), 'block-device-mapping.attach-time': disk((d) => d.ebs.attachTime),
  'network-interface.network-interface-id': nic((n) => n.networkInterfaceId), 'network-interface.subnet-id': nic((n) => n.subnetId), 'network-interface.vpc-id': nic((n) => n.vpcId), 'network-interface.mac-address': nic((n) => n.macAddress), 'network-interface.group-id': nic((n) => n.groupSet.map((g) => g.groupId)), 'network-interface.group-name': nic((n) => n.groupSet.map((g) => g.groupName)),
  'network-interface.addresses.private-ip-address': nic((n) => n.privateIpAddressesSet.map((a) => a.privateIpAddress)), 'network-interface.association.public-ip': nic((n) => n.association?.publicIp), 'network-interface.addresses.association.public-ip': nic((n) => n.privateIpAddressesSet.map((a) => a.association?.publicIp)), 'network-interface.attachment.attachment-id': nic((n) => n.attachment.attachmentId), 'network-interface.status': nic((n) => n.status),
}

/** Live ones a page at a time, then those that went a while ago. */
export const listing = {
  noun: 'instance' as const, ids: ['InstanceIds', 'InstanceId'] as [string, string], more: { IncludeManagedResources: flag },
  marker: (s: any) => (s.status === 'DELETED' ? `~${s.id}` : s.id) as string, name: (s: any) => (s.name === `server-${s.id}` ? undefined : s.name),
  some: servers,
  async rows(ctx: Parameters<typeof servers>[0], { limit, marker }: { limit: number; marker?: string }) {
    const live: any[] = marker?.startsWith('~') ? [] : (await compute(ctx, '/servers/detail', { limit: String(limit), ...(marker ? { marker } : {}) })).servers
    return live.length < limit ? [...live, ...(await past(ctx)).filter((g) => !marker?.startsWith('~') || g.id > marker.slice(1)).slice(0, limit - live.length)] : live
  },
}

export const describeInstances = describe<any, Instance, any>('DescribeInstances', {
  ...listing, summary: 'Describe instances', set: 'reservationSet', filters,
  async view(ctx, rows) { const x = await around(ctx, rows); return rows.map((s) => instanceView(s, x)) },
  answer: (items) => ({ reservationSet: reservations(items) }),
})

export const describeInstanceStatus = describe<any, Instance, any>('DescribeInstanceStatus', {
  ...listing, more: { IncludeAllInstances: flag, IncludeManagedResources: flag }, summary: 'Describe the state of instances', set: 'instanceStatusSet',
  filters: { 'availability-zone': filters['availability-zone'], 'instance-state-name': filters['instance-state-name'], 'instance-state-code': filters['instance-state-code'], 'instance-status.status': health, 'system-status.status': health, 'instance-status.reachability': () => undefined, 'system-status.reachability': () => undefined, 'event.code': () => undefined },
  view: (_, rows) => rows.map((s) => instanceView(s, { ports: new Map(), floating: new Map(), groups: new Map(), disks: new Map(), launches: new Map() })),
  keep: (i, input) => (input as any).IncludeAllInstances === true || i.instanceState.name === 'running',
  answer: (items) => ({ instanceStatusSet: items.map((i) => ({ instanceId: i.instanceId, availabilityZone: i.placement.availabilityZone, instanceState: i.instanceState, eventsSet: [], instanceStatus: { status: health(i), details: [] }, systemStatus: { status: health(i), details: [] } })) }),
})
function health(i: Instance) { return i.instanceState.name === 'running' ? 'ok' : 'not-applicable' }
