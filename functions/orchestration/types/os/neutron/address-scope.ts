import { boolean, integer, live, oneOf, resourceType, text } from '../../provider.ts'
import { piece, project } from './pieces.ts'

export default resourceType({
  name: 'OS::Neutron::AddressScope', description: 'Subnet pools whose addresses mean one thing together.', support: { status: 'SUPPORTED', version: '6.0.0' },
  properties: { name: text(live), shared: boolean({ default: false, ...live }), tenant_id: project, ip_version: integer({ default: 4, ...oneOf(4, 6) }) },
  attributes: {},
  ...piece({ path: '/address-scopes', key: 'address_scope' }),
})
