import { boolean, live, oneOf, required, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Keystone::Endpoint', description: 'Where a service is, in the catalog.', support: { status: 'SUPPORTED', version: '5.0.0' }, admin: true,
  properties: {
    name: text(live), region: text({ ...live, find: 'keystone.region' }), service: text({ ...required, ...live, find: 'keystone.service' }), interface: text({ ...required, ...live, ...oneOf('public', 'internal', 'admin') }), url: text({ ...required, ...live }), enabled: boolean({ default: true, ...live }),
  },
  attributes: {},
  ...piece({ path: '/endpoints', key: 'endpoint', wire: { region: 'region_id', service: 'service_id' } }),
})
