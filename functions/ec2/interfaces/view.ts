import type { Ctx } from '../../kernel/ctx.ts'
import { plugsOf } from '../../network/ports/of-servers.ts'
import { network } from '../call.ts'
import { idOf } from '../ids.ts'
import { iso } from '../shapes.ts'
import { ZONE } from '../subnets/api.ts'

/** Ports as network interfaces, with what floats over them. */
export async function views(ctx: Ctx, ports: any[]) {
  if (!ports.length) return []
  const [{ floatingips }, { security_groups }, beside] = await Promise.all([network(ctx, '/floatingips', { port_id: ports.map((p) => p.id) }), network(ctx, '/security-groups', { project_id: ctx.project, fields: ['id', 'name'] }), siblings(ctx, ports)])
  const names = new Map<string, string>(security_groups.map((g: any) => [g.id, g.name]))
  return ports.map((p) => view(p, floatingips.filter((f: any) => f.port_id === p.id), names, beside.get(p.device_id) ?? []))
}
/** The ports of the same instances, in the order they are plugged in. */
async function siblings(ctx: Ctx, ports: any[]) {
  const servers = [...new Set(ports.filter((p) => p.device_owner.startsWith('compute:')).map((p) => p.device_id as string))]
  const [plugs] = servers.length ? await ctx.read(plugsOf(servers)) : [[]]
  return Map.groupBy(plugs, (p) => p.server)
}
function view(p: any, floating: any[], names: Map<string, string>, beside: { id: string; made: boolean }[]) {
  const fixed = p.fixed_ips as { subnet_id: string; ip_address: string }[], v4 = fixed.filter((f) => !f.ip_address.includes(':')), own = p.device_owner.startsWith('compute:')
  const association = (address: string) => { const f = floating.find((x) => x.fixed_ip_address === address); return f && { allocationId: idOf('elastic-ip', f.id), associationId: idOf('elastic-ip-association', f.id), ipOwnerId: f.project_id as string, publicIp: f.floating_ip_address as string, publicDnsName: '' } }
  return {
    networkInterfaceId: idOf('network-interface', p.id), subnetId: fixed[0] && idOf('subnet', (v4[0] ?? fixed[0]).subnet_id), vpcId: idOf('vpc', p.network_id), availabilityZone: ZONE, description: p.description as string, ownerId: p.project_id as string, requesterManaged: p.device_owner.startsWith('network:'), requesterId: undefined,
    status: p.device_id ? 'in-use' : 'available', macAddress: p.mac_address as string, privateIpAddress: v4[0]?.ip_address, privateDnsName: undefined, sourceDestCheck: !p.allowed_address_pairs.some((x: any) => x.ip_address === '0.0.0.0/0'), interfaceType: 'interface',
    groupSet: (p.security_groups as string[]).map((g) => ({ groupId: idOf('security-group', g), groupName: names.get(g) ?? '' })), association: v4[0] && association(v4[0].ip_address),
    attachment: p.device_id ? { attachmentId: idOf('interface-attachment', p.id), instanceId: own ? idOf('instance', p.device_id) : undefined, instanceOwnerId: p.project_id as string, deviceIndex: Math.max(0, beside.findIndex((b) => b.id === p.id)), networkCardIndex: 0, status: 'attached', attachTime: iso(p.updated_at), deleteOnTermination: beside.find((b) => b.id === p.id)?.made ?? false } : undefined,
    privateIpAddressesSet: v4.map((f, n) => ({ privateIpAddress: f.ip_address, primary: n === 0, association: association(f.ip_address) })), ipv6AddressesSet: fixed.filter((f) => f.ip_address.includes(':')).map((f) => ({ ipv6Address: f.ip_address })), tagSet: [] as { key: string; value: string }[],
  }
}
export type View = Awaited<ReturnType<typeof views>>[number]
