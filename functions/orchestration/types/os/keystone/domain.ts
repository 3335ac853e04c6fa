import { boolean, live, resourceType, text } from '../../provider.ts'
import { IDENTITY, piece } from './pieces.ts'

export default resourceType({
  name: 'OS::Keystone::Domain', description: 'Holds projects, users and groups.', support: { status: 'SUPPORTED', version: '8.0.0' }, admin: true,
  properties: { name: text(live), description: text(live), enabled: boolean({ default: true, ...live }) },
  attributes: {},
  ...piece({ path: '/domains', key: 'domain' }),
  /** Nobody may be in it any more before it goes. */
  async remove(r) {
    if (!r.resource.physicalId) return
    const at = { ...IDENTITY, path: `/domains/${r.resource.physicalId}` }
    if ((await r.call({ ...at, method: 'GET' })).domain.enabled) { await r.call({ ...at, method: 'PATCH', body: { domain: { enabled: false } } }); return { again: true } }
    await r.call({ ...at, method: 'DELETE' })
  },
})
