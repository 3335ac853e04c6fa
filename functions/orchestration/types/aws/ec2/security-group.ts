import { list, live, resourceType, text } from '../../provider.ts'
import { net, tagged, tags } from './pieces.ts'
import { reconcile, rule } from './rules.ts'

export default tagged('security-group', resourceType({
  name: 'AWS::EC2::SecurityGroup', description: 'Who may talk to the instances in it.', support: { status: 'SUPPORTED' },
  properties: {
    GroupDescription: text({ required: true }), GroupName: text(), VpcId: text({ find: 'neutron.network' }),
    SecurityGroupIngress: list(rule('ingress'), live), SecurityGroupEgress: list(rule('egress'), live), Tags: tags,
  },
  attributes: { GroupId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, VpcId: { type: 'String', own: true, of: (_, r) => r.properties.VpcId ?? '' }, Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  async create(r) {
    const { security_group } = await r.call({ service: 'network', method: 'POST', path: '/security-groups', body: { security_group: { name: r.properties.GroupName ?? r.uniqueName(), description: r.properties.GroupDescription } } })
    const p = r.properties
    return { id: security_group.id, shown: security_group, ...(p.SecurityGroupIngress?.length || p.SecurityGroupEgress !== undefined ? { again: true as const } : {}) }
  },
  async ready(r) { return { data: { rules: await reconcile(r, r.resource.physicalId!, r.properties.SecurityGroupIngress ?? [], r.properties.SecurityGroupEgress) } } },
  show: async (r) => (await net(r, `/security-groups/${r.resource.physicalId}`)).security_group,
  async update(r, { after, changed }) {
    if (!changed.some((k) => k.startsWith('SecurityGroup'))) return {}
    return { data: { rules: await reconcile(r, r.resource.physicalId!, after.SecurityGroupIngress ?? [], after.SecurityGroupEgress, r.resource.data.rules ?? ['none']) } }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'network', method: 'DELETE', path: `/security-groups/${r.resource.physicalId}` }) },
}))
