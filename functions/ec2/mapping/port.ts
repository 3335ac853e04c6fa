import { net, type Asks } from './vpc.ts'

/** A port on a subnet, as instances and interfaces make it. */
export async function makePort(r: Asks, o: { subnet: string; address?: string; groups?: string[]; name?: string; description?: string; more?: string[]; count?: number }): Promise<any> {
  const { subnet } = await net(r, `/subnets/${o.subnet}`)
  const fixed = [{ subnet_id: o.subnet, ...(o.address ? { ip_address: o.address } : {}) }, ...(o.more ?? []).map((a) => ({ subnet_id: o.subnet, ip_address: a })), ...Array.from({ length: o.count ?? 0 }, () => ({ subnet_id: o.subnet }))]
  const body = { network_id: subnet.network_id, fixed_ips: fixed, ...(o.groups?.length ? { security_groups: o.groups } : {}), name: o.name ?? '', description: o.description ?? '' }
  return (await r.call({ service: 'network', method: 'POST', path: '/ports', body: { port: body } })).port
}
