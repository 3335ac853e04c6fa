import { invalid } from '../../../../kernel/fault.ts'
import type { Value } from '../../../template/types.ts'
import type { Progress, Work } from '../../provider.ts'
import { portBody } from '../neutron/port-schema.ts'
import { COMPUTE } from './pieces.ts'

/** A network a template gives a server; some need a port made for them first. */
export interface Nic { network?: string; port?: string; subnet?: string; fixed_ip?: string; floating_ip?: string; tag?: string; allocate_network?: 'none' | 'auto'; port_extra_properties?: Record<string, any> }
/** Ports of entries: those that this resource has made, and those the server was found to have for an entry already. */
export type Made = { key: string; port: string; found?: true }[]

const keyOf = ({ floating_ip: _, tag: __, ...n }: Nic) => JSON.stringify(Object.entries(n).filter(([, v]) => v !== undefined && v !== null).sort())
const needsPort = (n: Nic) => !n.port && !n.allocate_network && Boolean(n.subnet || n.port_extra_properties)
export const nicsOf = (r: Work): Nic[] => (r.properties.networks ?? []).map((n: Nic) => ({ ...n, port_extra_properties: n.port_extra_properties && Object.keys(n.port_extra_properties).length ? n.port_extra_properties : undefined }))
/** The entry's own port: named, or made for it. */
export const portFor = (n: Nic, made: Made) => n.port ?? made.find((m) => m.key === keyOf(n))?.port
const net = (r: Work, method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, query?: Record<string, string>) => r.call({ service: 'network', method, path, body, query })

export function checkNics(p: Record<string, Value>) {
  const list = p.networks as Nic[] | undefined
  if (!Array.isArray(list)) return
  for (const n of list) {
    if (!n || typeof n !== 'object') continue
    if (!n.network && !n.port && !n.subnet && !n.allocate_network) throw invalid('One of the properties "network", "port", "allocate_network" or "subnet" should be set for the specified network of server.')
    const said = Object.entries(n).filter(([, v]) => v !== undefined && v !== null)
    if (n.allocate_network && said.length > 1) throw invalid('Can not specify "allocate_network" with other keys of networks at the same time.')
    if (n.allocate_network && list.length > 1) throw invalid('Property "allocate_network" can not be specified if multiple network interfaces set for server.')
    if (n.fixed_ip && n.port) throw invalid('Cannot define the following properties at the same time: networks/fixed_ip, networks/port.')
    if (n.floating_ip && n.network && !n.port && !n.subnet && !n.port_extra_properties) throw invalid('Property "floating_ip" is not supported if only "network" is specified, because the corresponding port can not be retrieved.')
  }
  if (list.some((n) => n?.port) && Array.isArray(p.security_groups) && p.security_groups.length) throw invalid('Cannot define the following properties at the same time: security_groups, networks/port.')
}

async function makePort(r: Work, n: Nic, number: number): Promise<string> {
  const subnet = n.subnet ? (await net(r, 'GET', `/subnets/${n.subnet}`)).subnet : undefined
  if (subnet && n.network && subnet.network_id !== n.network) throw invalid(`Specified subnet ${n.subnet} does not belongs to network ${n.network}.`)
  const { value_specs, ...extra } = n.port_extra_properties ?? {}, groups = await Promise.all((r.properties.security_groups as string[]).map((g) => r.find('neutron.security_group', g)))
  const fixed = n.subnet || n.fixed_ip ? { fixed_ips: [{ subnet: n.subnet, ip_address: n.fixed_ip }] } : {}
  const { qos_policy, ...body } = portBody({ ...extra, ...fixed, ...(groups.length ? { security_groups: groups } : {}) })
  return (await net(r, 'POST', '/ports', { port: { network_id: n.network ?? subnet.network_id, name: `${r.resource.name}-port-${number}`, ...body, ...(qos_policy ? { qos_policy_id: qos_policy } : {}), ...value_specs } })).port.id
}
/** Ports for the entries that need one and have none yet. */
export async function makePorts(r: Work, made: Made): Promise<Made> {
  const out = [...made]
  for (const [i, n] of nicsOf(r).entries()) if (needsPort(n) && !portFor(n, made)) out.push({ key: keyOf(n), port: await makePort(r, n, i) })
  return out
}

/** As a create takes them. */
export function asked(r: Work, made: Made): unknown {
  const nics = nicsOf(r)
  if (nics[0]?.allocate_network) return nics[0].allocate_network
  if (!nics.length) return 'auto'
  return nics.map((n) => { const port = portFor(n, made); return { ...(port ? { port } : { uuid: n.network, ...(n.fixed_ip ? { fixed_ip: n.fixed_ip } : {}) }), ...(n.tag ? { tag: n.tag } : {}) } })
}

interface Interface { port_id: string; net_id: string; fixed_ips: { subnet_id: string; ip_address: string }[] }
/** An interface that is as an entry says, whoever made it. */
const fits = (n: Nic) => (i: Interface) => (!n.network || i.net_id === n.network) && (n.subnet || n.fixed_ip ? i.fixed_ips.some((f) => (!n.subnet || f.subnet_id === n.subnet) && (!n.fixed_ip || f.ip_address === n.fixed_ip)) : true)
const macOf = (n: Nic) => n.port_extra_properties?.mac_address
/** Which interface is whose: by port first, then the most particular entries; what is left over on both sides. */
function match(nics: Nic[], have: Interface[], made: Made) {
  const left = [...have], lacking: Nic[] = [], kept: { nic: Nic; port: string }[] = [], take = (nic: Nic, test: (i: Interface) => boolean) => { const k = left.findIndex(test); if (k >= 0) kept.push({ nic, port: left.splice(k, 1)[0].port_id }); return k >= 0 }
  const rest = nics.filter((n) => { const port = portFor(n, made); return !(port && take(n, (i) => i.port_id === port)) }), weight = (n: Nic) => (n.fixed_ip ? 2 : 0) + (n.subnet ? 1 : 0)
  // One with wishes for its port is content with a port that was made for wishes, unless its MAC is another.
  const adapts = (n: Nic) => (i: Interface) => fits(n)(i) && (!n.port_extra_properties || made.some((m) => !m.found && m.port === i.port_id && (macOf(n) === undefined || m.key.includes(JSON.stringify(macOf(n))))))
  for (const n of [...rest].sort((a, b) => weight(b) - weight(a))) if (n.port || !take(n, adapts(n))) lacking.push(n)
  return { kept, lacking, left }
}
/** One step from the interfaces a server has to those it shall have; undefined when there is none left to take. */
export async function rewire(r: Work, made: Made): Promise<Progress | undefined> {
  const path = `/servers/${r.resource.physicalId}/os-interface`, nics = nicsOf(r), data = r.resource.data, have = (await r.call({ ...COMPUTE, method: 'GET', path })).interfaceAttachments as Interface[]
  const allocate = nics.length ? nics[0].allocate_network : 'auto', { kept, lacking, left } = match(allocate ? [] : nics, have, made)
  // Whatever the cloud chose once stays its choice.
  const [gone] = allocate === 'auto' && left.length === 1 && !made.some((m) => m.port === left[0].port_id) ? [] : left
  if (gone) { await r.call({ ...COMPUTE, method: 'DELETE', path: `${path}/${gone.port_id}` }); return { data, wait: { lane: gone.port_id, seconds: 5 } } }
  if (allocate === 'auto' && !have.length) { const { interfaceAttachment: a } = await r.call({ ...COMPUTE, method: 'POST', path, body: { interfaceAttachment: {} } }); return { data, wait: { lane: a.port_id, seconds: 5 } } }
  const own = made.filter((m) => !m.found), now: Made = kept.filter((k) => !k.nic.port).map((k) => ({ key: keyOf(k.nic), port: k.port, ...(own.some((m) => m.port === k.port) ? {} : { found: true as const }) }))
  const fresh = own.filter((m) => !now.some((x) => x.port === m.port) && lacking.some((n) => keyOf(n) === m.key)), stale = own.filter((m) => !now.some((x) => x.port === m.port) && !fresh.includes(m))
  if (stale.length || JSON.stringify([...now, ...fresh]) !== JSON.stringify(made)) {
    for (const m of stale) await net(r, 'DELETE', `/ports/${m.port}`)
    for (const { nic, port } of kept) if (nic.port_extra_properties && !made.some((m) => m.port === port && m.key === keyOf(nic))) await adapt(r, nic, port)
    return { data: { ...data, made: [...now, ...fresh] }, again: true }
  }
  const [next] = lacking
  if (!next) return undefined
  if (needsPort(next) && !portFor(next, made)) return { data: { ...data, made: await makePorts(r, made) }, again: true }
  const port = portFor(next, made)
  const { interfaceAttachment: a } = await r.call({ ...COMPUTE, method: 'POST', path, body: { interfaceAttachment: { ...(port ? { port_id: port } : { net_id: next.network, ...(next.fixed_ip ? { fixed_ips: [{ ip_address: next.fixed_ip }] } : {}) }), ...(next.tag ? { tag: next.tag } : {}) } } })
  return { data, wait: { lane: a.port_id, seconds: 5 } }
}
/** Other wishes for a port that stays. */
async function adapt(r: Work, n: Nic, port: string) {
  const { value_specs, mac_address: _, qos_policy, ...extra } = n.port_extra_properties!
  await net(r, 'PUT', `/ports/${port}`, { port: { ...portBody(extra), ...(qos_policy === undefined ? {} : { qos_policy_id: qos_policy }), ...value_specs } })
}

/** Floating IPs that entries name lead to their ports; those that none names any more lead nowhere. */
export async function point(r: Work, made: Made, before: string[]): Promise<string[]> {
  const now = nicsOf(r).filter((n) => n.floating_ip)
  for (const id of before) if (!now.some((n) => n.floating_ip === id)) await net(r, 'PUT', `/floatingips/${id}`, { floatingip: { port_id: null } })
  for (const n of now) if (!before.includes(n.floating_ip!)) await net(r, 'PUT', `/floatingips/${n.floating_ip}`, { floatingip: { port_id: portFor(n, made), ...(n.fixed_ip ? { fixed_ip_address: n.fixed_ip } : {}) } })
  return now.map((n) => n.floating_ip!)
}
