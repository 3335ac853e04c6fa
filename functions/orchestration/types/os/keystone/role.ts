import { live, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Keystone::Role', description: 'What somebody is in a project or domain.', support: { status: 'SUPPORTED', version: '2015.1' }, admin: true,
  properties: { name: text(live), domain: text({ find: 'keystone.domain' }) },
  attributes: {},
  ...piece({ path: '/roles', key: 'role', wire: { domain: 'domain_id' } }),
})
