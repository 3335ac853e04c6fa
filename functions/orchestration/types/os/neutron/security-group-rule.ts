import { invalid } from '../../../../kernel/fault.ts'
import { integer, oneOf, required, resourceType, text } from '../../provider.ts'
import { format } from '../formats.ts'
import { bare } from './pieces.ts'
import { port, protocol } from './rules.ts'

export default resourceType({
  name: 'OS::Neutron::SecurityGroupRule', description: 'One rule of a security group.', support: { status: 'SUPPORTED', version: '7.0.0' },
  properties: {
    security_group: text({ ...required, find: 'neutron.security_group' }), description: text(), direction: text({ default: 'ingress', ...oneOf('ingress', 'egress') }), ethertype: text({ default: 'IPv4', ...oneOf('IPv4', 'IPv6') }),
    port_range_min: integer(port), port_range_max: integer(port), protocol: text({ default: 'tcp', ...protocol }), remote_group: text({ find: 'neutron.security_group' }), remote_ip_prefix: text(format('net_cidr')),
  },
  attributes: {},
  validate(p) {
    if (p.remote_group && p.remote_ip_prefix) throw invalid('Cannot define the following properties at the same time: remote_group, remote_ip_prefix.')
    const { port_range_min: min, port_range_max: max } = p
    if (typeof min === 'number' && typeof max === 'number' && ['tcp', 'udp'].includes(String(p.protocol)) && min > max) throw invalid('Property error: port_range_min must be less than or equal to port_range_max.')
  },
  ...bare({ path: '/security-group-rules', key: 'security_group_rule', wire: { security_group: 'security_group_id', remote_group: 'remote_group_id' } }),
})
