import { list, live, map, oneOf, integer, range, text, type Property, type Work } from '../../provider.ts'
import { format } from '../formats.ts'
import { NET } from './pieces.ts'

/** Rules of security groups: a list of them in the group, or each a resource of its own. */
const protocols = ['ah', 'dccp', 'egp', 'esp', 'gre', 'hopopt', 'icmp', 'igmp', 'ip', 'ipip', 'ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'icmpv6', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route', 'ospf', 'pgm', 'rsvp', 'sctp', 'tcp', 'udp', 'udplite', 'vrrp', ...Array.from({ length: 256 }, (_, i) => String(i))]
export const protocol = oneOf(...protocols), port = range(0, 65535)
export const ruleList = list(map({
  direction: text({ default: 'ingress', ...oneOf('ingress', 'egress') }), ethertype: text({ default: 'IPv4', ...oneOf('IPv4', 'IPv6') }), port_range_min: integer(port), port_range_max: integer(port), protocol: text(protocol),
  remote_mode: text({ default: 'remote_ip_prefix', ...oneOf('remote_ip_prefix', 'remote_group_id') }), remote_group_id: text({ find: 'neutron.security_group' }), remote_ip_prefix: text(format('net_cidr')), description: text(),
}) as Property, { default: [], ...live })

type Rule = Record<string, any>
const PARTS = ['direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix', 'remote_group_id'] as const
const everywhere = (rule: Rule) => (rule.remote_ip_prefix === (rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0') ? null : rule.remote_ip_prefix ?? null)
/** Two rules of the same key let the same through. */
const keyOf = (rule: Rule) => PARTS.map((p) => String((p === 'remote_ip_prefix' ? everywhere(rule) : rule[p]) ?? '')).join('|')

/** As the API has it; a rule for members of a group is for members of this one when none is named. */
function wanted(rule: Rule, group: string): Rule {
  const byGroup = rule.remote_mode === 'remote_group_id', { remote_mode: _, remote_group_id, remote_ip_prefix, ...rest } = rule
  return Object.fromEntries(Object.entries({ ...rest, security_group_id: group, ...(byGroup ? { remote_group_id: remote_group_id ?? group } : { remote_ip_prefix }) }).filter(([, v]) => v !== undefined && v !== null && v !== ''))
}
const outwards = ['IPv4', 'IPv6'].map((ethertype) => ({ direction: 'egress', ethertype }))

/** Takes away the rules that are not wanted and adds those that lack. Where nothing is said of traffic outwards, all may go out. */
export async function reconcile(r: Work, group: string, rules: Rule[]): Promise<void> {
  const { security_group } = await r.call({ ...NET, method: 'GET', path: `/security-groups/${group}` }), have = security_group.security_group_rules as Rule[]
  const want = new Map([...rules, ...(rules.some((x) => x.direction === 'egress') ? [] : outwards)].map((x) => { const w = wanted(x, group); return [keyOf(w), w] }))
  for (const rule of have) if (!want.delete(keyOf(rule))) await r.call({ ...NET, method: 'DELETE', path: `/security-group-rules/${rule.id}` })
  if (want.size) await r.call({ ...NET, method: 'POST', path: '/security-group-rules', body: { security_group_rules: [...want.values()] } })
}
