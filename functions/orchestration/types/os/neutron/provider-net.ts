import { boolean, length, list, live, oneOf, required, resourceType, text } from '../../provider.ts'
import { networkAttributes } from './net.ts'
import { piece, project, tags } from './pieces.ts'

export default resourceType({
  name: 'OS::Neutron::ProviderNet', description: 'A network of a given kind on a given physical network.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    name: text(live), network_type: text({ ...required, ...live, ...oneOf('local', 'vlan', 'vxlan', 'gre', 'geneve', 'flat') }), physical_network: text(live), segmentation_id: text(live), router_external: boolean({ default: false, ...live }),
    admin_state_up: boolean({ default: true, ...live }), shared: boolean({ default: true, ...live }), port_security_enabled: boolean(live), dns_domain: text({ ...live, ...length(0, 255) }), availability_zone_hints: list(undefined, live), tenant_id: project, tags,
  },
  attributes: networkAttributes,
  ...piece({
    path: '/networks', key: 'network', wire: { network_type: 'provider:network_type', physical_network: 'provider:physical_network', segmentation_id: 'provider:segmentation_id', router_external: 'router:external' }, cleared: { dns_domain: '', port_security_enabled: true },
    shape: (b) => (typeof b['provider:segmentation_id'] === 'string' ? { ...b, 'provider:segmentation_id': Number(b['provider:segmentation_id']) } : b),
  }),
})
