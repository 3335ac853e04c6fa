import { boolean, live, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

const wire = { parent_region: 'parent_region_id' }
export default resourceType({
  name: 'OS::Keystone::Region', description: 'A part of the cloud, in the catalog.', support: { status: 'SUPPORTED', version: '6.0.0' }, admin: true,
  properties: { id: text(), parent_region: text({ ...live, find: 'keystone.region' }), description: text(live), enabled: boolean({ default: true, ...live }) },
  attributes: {},
  ...piece({ path: '/regions', key: 'region', named: false, wire }),
})
