import { boolean, list, live, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Keystone::Project', description: 'Owns what is made in it.', support: { status: 'SUPPORTED', version: '2015.1' }, admin: true,
  properties: {
    name: text(live), domain: text({ default: 'default', ...live, find: 'keystone.domain' }), description: text({ default: '', ...live }), enabled: boolean({ default: true, ...live }), parent: text({ find: 'keystone.project' }), tags: list(text(), { default: [], ...live }),
  },
  attributes: { name: { type: 'String' }, parent_id: { type: 'String' }, domain_id: { type: 'String' }, enabled: { type: 'Boolean' }, is_domain: { type: 'Boolean' } },
  ...piece({ path: '/projects', key: 'project', wire: { domain: 'domain_id', parent: 'parent_id' }, nameLimit: 64 }),
})
