import { boolean, live, required, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Keystone::Service', description: 'A service, in the catalog.', support: { status: 'SUPPORTED', version: '5.0.0' }, admin: true,
  properties: { name: text(live), description: text(live), type: text({ ...required, ...live }), enabled: boolean({ default: true, ...live }) },
  attributes: {},
  ...piece({ path: '/services', key: 'service' }),
})
