import { unseal } from '../../../../kernel/secrets.ts'
import { boolean, length, oneOf, required, resourceType, text, type Work } from '../../provider.ts'
import { COMPUTE } from './pieces.ts'

const at = (r: Work) => ({ ...COMPUTE, path: `/os-keypairs/${encodeURIComponent(r.resource.physicalId!)}`, query: r.properties.user ? { user_id: r.properties.user } : undefined })

export default resourceType({
  name: 'OS::Nova::KeyPair', description: 'A key to log in with; without a public key one is made.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    name: text({ ...required, ...length(1, 255) }), save_private_key: boolean({ default: false, description: 'Keeps a private key that is made, sealed, for the attribute private_key.' }), public_key: text(), type: text(oneOf('ssh', 'x509')), user: text({ find: 'keystone.user' }),
  },
  attributes: {
    public_key: { type: 'String' },
    private_key: { type: 'String', own: true, of: (_, r) => r.resource.data.key ?? (r.resource.data.sealed ? unseal((r as Work).ctx.env, 'stack', r.resource.id, r.resource.data.sealed) : '') },
  },
  async create(r) {
    const { name, public_key, type, user, save_private_key } = r.properties
    // Up to 2.91 the service makes keys itself.
    const { keypair } = await r.call({ ...COMPUTE, version: public_key ? undefined : '2.91', method: 'POST', path: '/os-keypairs', body: { keypair: { name, type, public_key, user_id: user } } })
    return { id: keypair.name, data: save_private_key && keypair.private_key ? { key: keypair.private_key } : {}, shown: keypair }
  },
  show: async (r) => (await r.call({ ...at(r), method: 'GET' })).keypair,
  async remove(r) { if (r.resource.physicalId) await r.call({ ...at(r), method: 'DELETE' }) },
})
