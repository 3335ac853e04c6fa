import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text } from '../../provider.ts'
import { net } from './pieces.ts'
import { members, wire } from './rules.ts'

export default resourceType({
  name: 'AWS::EC2::SecurityGroupEgress', description: 'One rule of a security group that is described elsewhere.', support: { status: 'SUPPORTED' },
  properties: { ...members.egress, GroupId: text({ find: 'neutron.security_group' }), GroupName: text({ find: 'neutron.security_group' }) },
  attributes: { Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  validate(p) { if ((p.GroupId === undefined) === (p.GroupName === undefined)) throw invalid('Exactly one of GroupName and GroupId must be specified.') },
  async create(r) {
    const rule = await wire(r, r.properties.GroupId ?? r.properties.GroupName, 'egress', r.properties)
    return { id: (await r.call({ service: 'network', method: 'POST', path: '/security-group-rules', body: { security_group_rule: rule } })).security_group_rule.id }
  },
  show: async (r) => (await net(r, `/security-group-rules/${r.resource.physicalId}`)).security_group_rule,
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'network', method: 'DELETE', path: `/security-group-rules/${r.resource.physicalId}` }) },
})
