import { resourceType, oneOf, text } from '../../provider.ts'
import { parametersQuery, putParameter, removeParameters } from '../../../../ssm/parameters.ts'
import { keyPairId } from '../../../../ec2/ids.ts'
import { inside } from '../inside.ts'
import { tags, unused } from './pieces.ts'

const secret = (id: string) => `/ec2/keypair/${id}`

export default resourceType({
  name: 'AWS::EC2::KeyPair', description: 'A key to log in with. One that is generated has its private half among the SSM parameters, as /ec2/keypair/key-ID.', support: { status: 'SUPPORTED' },
  properties: { KeyName: text({ required: true }), PublicKeyMaterial: text(), KeyType: text({ default: 'rsa', ...oneOf('rsa', 'ed25519') }), KeyFormat: unused(text(oneOf('pem', 'ppk'))), Tags: tags },
  attributes: { KeyPairId: { type: 'String', own: true, of: (_, r) => r.resource.data.key }, KeyFingerprint: { type: 'String', own: true, of: (_, r) => r.resource.data.fingerprint } },
  async create(r) {
    const { KeyName: name, PublicKeyMaterial: given } = r.properties, key = keyPairId(r.caller.user.id, name)
    // Up to 2.91 the service makes keys itself.
    const { keypair } = await r.call({ service: 'compute', version: '2.91', method: 'POST', path: '/os-keypairs', body: { keypair: { name, type: 'ssh', ...(given ? { public_key: given } : {}) } } })
    if (keypair.private_key) {
      const ctx = inside(r), [before] = await ctx.read(parametersQuery(ctx.project, [secret(key)]))
      await putParameter(ctx, { name: secret(key), value: keypair.private_key, type: 'SecureString', overwrite: true }, before)
    }
    return { id: name, data: { key, fingerprint: keypair.fingerprint, made: Boolean(keypair.private_key) } }
  },
  update: () => ({}),
  show: async (r) => (await r.call({ service: 'compute', method: 'GET', path: `/os-keypairs/${encodeURIComponent(r.resource.physicalId!)}` })).keypair,
  async remove(r) {
    const { physicalId, data } = r.resource
    if (!physicalId) return
    if (data.made) removeParameters(inside(r), [secret(data.key)])
    await r.call({ service: 'compute', method: 'DELETE', path: `/os-keypairs/${encodeURIComponent(physicalId)}` })
  },
})
