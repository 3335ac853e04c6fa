import { invalid } from '../../../../kernel/fault.ts'
import { integer, map, range, resourceType, text, type Property, type Work } from '../../provider.ts'
import { ruleKey as key, wire, type Rule } from '../../../../ec2/mapping/rule.ts'
import { net } from './pieces.ts'

const protocol = text({ description: 'A name, a number, or -1 for all.' })
const ports = { FromPort: integer(range(-1, 65535)), ToPort: integer(range(-1, 65535)) }
const common: Record<string, Property> = { IpProtocol: { ...protocol, required: true }, ...ports, CidrIp: text(), CidrIpv6: text(), Description: text() }
export const members = {
  ingress: { ...common, SourceSecurityGroupId: text(), SourceSecurityGroupName: text(), SourceSecurityGroupOwnerId: text({ ignored: true }) } as Record<string, Property>,
  egress: { ...common, DestinationSecurityGroupId: text() } as Record<string, Property>,
}
export const rule = (direction: 'ingress' | 'egress') => map(members[direction])

/** A rule that stands by itself in a template. */
export const ruleType = (name: string, direction: 'ingress' | 'egress') => resourceType({
  name, description: 'One rule of a security group that is described elsewhere.', support: { status: 'SUPPORTED' },
  properties: { ...members[direction], GroupId: text({ find: 'neutron.security_group' }), GroupName: text({ find: 'neutron.security_group' }) },
  attributes: { Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  validate(p) { if ((p.GroupId === undefined) === (p.GroupName === undefined)) throw invalid('Exactly one of GroupName and GroupId must be specified.') },
  async create(r) {
    const rule = await wire(r, r.properties.GroupId ?? r.properties.GroupName, direction, r.properties)
    return { id: (await r.call({ service: 'network', method: 'POST', path: '/security-group-rules', body: { security_group_rule: rule } })).security_group_rule.id }
  },
  show: async (r) => (await net(r, `/security-group-rules/${r.resource.physicalId}`)).security_group_rule,
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'network', method: 'DELETE', path: `/security-group-rules/${r.resource.physicalId}` }) },
})

/** Makes the rules of a group those wanted, in two calls at most per rule that differs. What was there from the start stays unless egress is spelled out. */
export async function reconcile(r: Work, group: string, ingress: Rule[], egress: Rule[] | undefined, before: string[] = []): Promise<string[]> {
  const wanted = [...await Promise.all(ingress.map((x) => wire(r, group, 'ingress', x))), ...await Promise.all((egress ?? []).map((x) => wire(r, group, 'egress', x)))]
  const have = (await r.call({ service: 'network', method: 'GET', path: '/security-group-rules', query: { security_group_id: group } })).security_group_rules as Rule[]
  const keys = new Set(wanted.map(key)), there = new Set(have.map(key)), fresh = new Map(wanted.filter((w) => !there.has(key(w))).map((w) => [key(w), w]))
  for (const h of have) {
    const mine = before.includes(h.id), initial = h.direction === 'egress' && egress !== undefined && before.length === 0
    if (!keys.has(key(h)) && (mine || initial)) await r.call({ service: 'network', method: 'DELETE', path: `/security-group-rules/${h.id}` })
  }
  const made = fresh.size ? (await r.call({ service: 'network', method: 'POST', path: '/security-group-rules', body: { security_group_rules: [...fresh.values()] } })).security_group_rules as Rule[] : []
  return [...have.filter((h) => keys.has(key(h))).map((h) => h.id as string), ...made.map((m) => m.id as string)]
}
