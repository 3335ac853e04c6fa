import { invalid } from '../../../../kernel/fault.ts'
import { boolean, list, live, map, required, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { subnetsOn } from '../after.ts'
import { format } from '../formats.ts'
import { NET, of, piece, project, same, specs, tags } from './pieces.ts'

const document = piece({
  path: '/routers', key: 'router', local: ['l3_agent_ids'],
  shape({ external_gateway_info: g, ...b }) {
    if (g === undefined) return b
    if (g === null) return { ...b, external_gateway_info: {} }
    return { ...b, external_gateway_info: {
      network_id: g.network, ...(g.enable_snat === undefined ? {} : { enable_snat: g.enable_snat }),
      ...(g.external_fixed_ips ? { external_fixed_ips: g.external_fixed_ips.map((f: any) => ({ ...(f.subnet ? { subnet_id: f.subnet } : {}), ...(f.ip_address ? { ip_address: f.ip_address } : {}) })) } : {}),
    } }
  },
})

/** Has it live on one of these hosts: an administrator's wish. Taken from where it is first, put in the unit that sees it nowhere. */
async function settle(r: Work, wanted: string[]): Promise<Progress> {
  const at = (agent: string) => `/agents/${agent}/l3-routers`, id = r.resource.physicalId
  const { agents } = await r.call({ ...NET, method: 'GET', path: `/routers/${id}/l3-agents` })
  if (agents.some((a: { id: string }) => wanted.includes(a.id))) return {}
  for (const a of agents) await r.call({ ...NET, method: 'DELETE', path: `${at(a.id)}/${id}` })
  if (agents.length && wanted.length) return { again: true }
  if (wanted.length) await r.call({ ...NET, method: 'POST', path: at(wanted[0]), body: { router_id: id } })
  return {}
}

export default resourceType({
  name: 'OS::Neutron::Router', description: 'Leads between subnets, and to an external network.', support: { status: 'SUPPORTED' },
  properties: {
    name: text(live), external_gateway_info: map({ network: text({ ...required, ...live, find: 'neutron.network' }), enable_snat: boolean(live), external_fixed_ips: list(map({ ip_address: text(format('ip_addr')), subnet: text({ find: 'neutron.subnet' }) }), live) }, live),
    admin_state_up: boolean({ default: true, ...live }), l3_agent_ids: list(text(), live), distributed: boolean(), ha: boolean(), availability_zone_hints: list(undefined, live), tenant_id: project, tags, value_specs: specs,
  },
  attributes: { ...same('status', 'name', 'tenant_id'), external_gateway_info: { type: 'Map' }, admin_state_up: of('String', (s) => s.admin_state_up) },
  after: (self, others) => {
    const to = (self.properties.external_gateway_info as { network?: unknown } | undefined)?.network
    return to === undefined ? [] : subnetsOn({ ...self, properties: { network: to as never }, refers: () => self.refers('external_gateway_info') }, others)
  },
  validate(p) { if (p.ha === true && p.distributed === true) throw invalid('distributed, ha properties cannot be both True.') },
  ...document,
  async create(r) {
    const p = await document.create(r)
    return r.properties.l3_agent_ids?.length ? { ...p, again: true } : p
  },
  async ready(r) {
    const agents = r.properties.l3_agent_ids ?? [], p = await document.ready!(r)
    return agents.length ? { ...p, ...await settle(r, agents) } : p
  },
  async update(r, change) {
    const p = await document.update!(r, change)
    if (p === 'replace' || !change.changed.includes('l3_agent_ids')) return p
    return { ...p, ...await settle(r, change.after.l3_agent_ids ?? []) }
  },
})
