import { integer, live, oneOf, range, required, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Neutron::Segment', description: 'A part of a network.', support: { status: 'SUPPORTED', version: '9.0.0' },
  properties: { network: text({ ...required, find: 'neutron.network' }), network_type: text({ ...required, ...oneOf('local', 'vlan', 'vxlan', 'gre', 'geneve', 'flat') }), physical_network: text(), segmentation_id: integer(range(1)), name: text(live), description: text(live) },
  attributes: {},
  ...piece({ path: '/segments', key: 'segment', wire: { network: 'network_id' }, cleared: { description: '' } }),
})
