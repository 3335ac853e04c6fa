import { ec2Id, newKey, stageCredential } from '../../../../identity/credentials/model.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { integer, oneOf, resourceType, text } from '../../provider.ts'
import { unused } from '../ec2/pieces.ts'
import { inside } from '../inside.ts'
import { appNamed } from './user.ts'

export default resourceType({
  name: 'AWS::IAM::AccessKey', description: 'A key pair of a user the template made, bound as that user is.', support: { status: 'SUPPORTED' },
  properties: { UserName: text({ required: true }), Serial: integer(), Status: unused(text(oneOf('Active', 'Inactive'))) },
  attributes: { SecretAccessKey: { type: 'String', of: (s) => s.secret }, UserName: { type: 'String', own: true, of: (_, r) => r.properties.UserName } },
  async create(r) {
    const ctx = inside(r), app = await appNamed(r, r.properties.UserName)
    if (!app) throw invalid(`The user with name ${r.properties.UserName} cannot be found: keys are for users of type AWS::IAM::User.`)
    const access = newKey(ctx), secret = newKey(ctx)
    await stageCredential(ctx, { id: ec2Id(access), user: r.caller.user.id, project: r.stack.project, type: 'ec2', blob: JSON.stringify({ access, secret, trust_id: null, app_cred_id: app.id }) })
    return { id: access, shown: { access, secret } }
  },
  show: async (r) => (await r.call({ service: 'identity', method: 'GET', path: `/users/${r.caller.user.id}/credentials/OS-EC2/${r.resource.physicalId}` })).credential,
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'identity', method: 'DELETE', path: `/users/${r.caller.user.id}/credentials/OS-EC2/${r.resource.physicalId}` }) },
})
