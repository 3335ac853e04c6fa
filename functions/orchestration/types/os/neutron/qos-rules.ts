import { integer, live, oneOf, range, required, resourceType, text, type Property, type ResourceType, type Work } from '../../provider.ts'
import { NET, project } from './pieces.ts'

const policy = text({ ...required, find: 'neutron.qos_policy' })
const ways = (...way: string[]): Property => text({ default: 'egress', ...live, ...oneOf(...way) }), amount: Property = integer({ ...required, ...live, ...range(0) })

/** A rule lives below its policy. */
function rule(name: string, version: string, plural: string, key: string, properties: Record<string, Property>): ResourceType {
  const base = (r: Work) => `/qos/policies/${r.properties.policy}/${plural}`, at = (r: Work) => `${base(r)}/${r.resource.physicalId}`
  const body = (p: Record<string, any>) => ({ [key]: Object.fromEntries(Object.entries(p).filter(([k, v]) => k !== 'policy' && v !== undefined && v !== null)) })
  return resourceType({
    name: `OS::Neutron::${name}`, description: 'A rule of a QoS policy.', support: { status: 'SUPPORTED', version }, properties: { policy, tenant_id: project, ...properties }, attributes: {},
    async create(r) { const shown = (await r.call({ ...NET, method: 'POST', path: base(r), body: body(r.properties) }))[key]; return { id: shown.id, shown } },
    show: async (r) => (await r.call({ ...NET, method: 'GET', path: at(r) }))[key],
    async update(r, { after, changed }) { return { shown: (await r.call({ ...NET, method: 'PUT', path: at(r), body: body(Object.fromEntries(changed.map((k) => [k, after[k]]))) }))[key] } },
    async remove(r) { if (r.resource.physicalId) await r.call({ ...NET, method: 'DELETE', path: at(r) }) },
  })
}
export const bandwidthLimit = rule('QoSBandwidthLimitRule', '6.0.0', 'bandwidth_limit_rules', 'bandwidth_limit_rule', { max_kbps: amount, max_burst_kbps: integer({ default: 0, ...live, ...range(0) }), direction: ways('egress', 'ingress') })
export const dscpMarking = rule('QoSDscpMarkingRule', '7.0.0', 'dscp_marking_rules', 'dscp_marking_rule', { dscp_mark: integer({ ...required, ...live, ...oneOf(0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56) }) })
export const minimumBandwidth = rule('QoSMinimumBandwidthRule', '14.0.0', 'minimum_bandwidth_rules', 'minimum_bandwidth_rule', { min_kbps: amount, direction: ways('egress', 'ingress') })
export const minimumPacketRate = rule('QoSMinimumPacketRateRule', '19.0.0', 'minimum_packet_rate_rules', 'minimum_packet_rate_rule', { min_kpps: amount, direction: ways('any', 'egress', 'ingress') })
