import { Fault } from '../../../../kernel/fault.ts'
import type { Attribute, Work } from '../../provider.ts'
import { COMPUTE } from './pieces.ts'

type Address = Record<string, any>
const get = async (r: Work, path: string, query?: Record<string, string>) => r.call({ service: 'network', method: 'GET', path, query })

/** Every address with its port, and what its network and subnets are; under the network's name and id alike. */
async function addresses(server: any, r: Work) {
  const out: Record<string, Address[]> = {}, ports = (await get(r, '/ports', { device_id: server.id })).ports as any[]
  const networks = new Map<string, any>(), subnets = new Map<string, any>()
  for (const p of ports) {
    if (!networks.has(p.network_id)) networks.set(p.network_id, (await get(r, `/networks/${p.network_id}`)).network)
    for (const f of p.fixed_ips) if (!subnets.has(f.subnet_id)) subnets.set(f.subnet_id, (await get(r, `/subnets/${f.subnet_id}`)).subnet)
    const net = networks.get(p.network_id)
    for (const a of (server.addresses?.[net.name] ?? []) as Address[]) {
      if (a['OS-EXT-IPS-MAC:mac_addr'] !== p.mac_address) continue
      const fixed = p.fixed_ips.filter((f: any) => a['OS-EXT-IPS:type'] !== 'fixed' || f.ip_address === a.addr)
      const whole = { ...a, port: a['OS-EXT-IPS:type'] === 'fixed' ? p.id : null, subnets: fixed.map((f: any) => subnets.get(f.subnet_id)), network: net }
      for (const key of [net.name, net.id]) (out[key] ??= []).push(whole)
    }
  }
  return out
}
async function networks(server: any, r: Work) {
  const out: Record<string, string[]> = {}
  for (const [name, list] of Object.entries(server.addresses ?? {}) as [string, Address[]][]) out[name] = list.map((a) => a.addr)
  if (Object.keys(out).length) for (const p of (await get(r, '/ports', { device_id: server.id })).ports as any[]) {
    const { network } = await get(r, `/networks/${p.network_id}`)
    if (out[network.name]) out[network.id] = out[network.name]
  }
  return out
}

const KINDS: [string, string][] = [['novnc', 'vnc'], ['spice-html5', 'spice'], ['serial', 'serial'], ['webmks', 'mks']]
/** Ways to the screen; where there is none, why. */
async function consoles(server: any, r: Work) {
  const out: Record<string, string> = {}
  for (const [type, protocol] of KINDS) {
    try { out[type] = (await r.call({ ...COMPUTE, method: 'POST', path: `/servers/${server.id}/remote-consoles`, body: { remote_console: { protocol, type } } })).remote_console.url }
    catch (e) { if (!(e instanceof Fault)) throw e; out[type] = `Cannot get console url: ${e.message}` }
  }
  return out
}

export const attributes: Record<string, Attribute> = {
  name: { type: 'String' }, addresses: { type: 'Map', of: (s, r) => addresses(s, r as Work) }, networks: { type: 'Map', of: (s, r) => networks(s, r as Work) }, first_address: { type: 'String', of: (s) => (Object.values(s.addresses ?? {}) as Address[][]).flat()[0]?.addr ?? '' },
  instance_name: { type: 'String', of: (s) => s['OS-EXT-SRV-ATTR:instance_name'] ?? `instance-${String(s.id).slice(0, 8)}` }, accessIPv4: { type: 'String' }, accessIPv6: { type: 'String' }, console_urls: { type: 'Map', of: (s, r) => consoles(s, r as Work) }, tags: { type: 'List' },
  os_collect_config: { type: 'Map', own: true, of: (_, r) => r.resource.data.collect ?? {} },
}
