import { list, map, resourceType, text, type Work } from '../../provider.ts'
import { tags, unused } from '../ec2/pieces.ts'

export const arn = (r: { stack: { project: string } }, what: string) => `arn:aws:iam::${r.stack.project}:${what}`
const apps = (r: Work) => `/users/${r.caller.user.id}/application_credentials`
/** All that keys of such a user open: what a guest reads of its stack. What they may there is a reader's. */
const rules = ['/', '/v1'].flatMap((path) => ['GET', 'POST'].map((method) => ({ service: 'cloudformation', method, path })))

/** The application credential behind a user a template made. */
export async function appNamed(r: Work, name: string): Promise<{ id: string } | undefined> {
  return (await r.call({ service: 'identity', method: 'GET', path: apps(r), query: { name } })).application_credentials[0]
}

export default resourceType({
  name: 'AWS::IAM::User', description: 'Somebody who may read what the Query API tells of stacks, for guests to have keys of: an application credential of whoever made the stack, confined to that.', support: { status: 'SUPPORTED' },
  properties: { UserName: text({ constraints: [{ kind: 'length', min: 1, max: 64 }] }), Path: unused(text()), Groups: unused(list(text())), LoginProfile: unused(map(undefined, { hidden: true })), Policies: unused(list(undefined)), ManagedPolicyArns: unused(list(text())), PermissionsBoundary: unused(text()), Tags: tags },
  attributes: { Arn: { type: 'String', own: true, of: (_, r) => arn(r, `user/${r.resource.data.name}`) } },
  ref: (r) => r.resource.data.name ?? r.resource.name,
  async create(r) {
    const name = r.properties.UserName ?? r.uniqueName(64)
    const { application_credential: app } = await r.call({ service: 'identity', method: 'POST', path: apps(r), body: { application_credential: { name, description: `Keys for guests of stack ${r.stack.name}`.slice(0, 200), roles: [{ name: 'reader' }], access_rules: rules } } })
    return { id: name, data: { name, app: app.id } }
  },
  update: () => ({}),
  show: (r) => r.call({ service: 'identity', method: 'GET', path: `${apps(r)}/${r.resource.data.app}` }),
  async remove(r) { if (r.resource.data.app) await r.call({ service: 'identity', method: 'DELETE', path: `${apps(r)}/${r.resource.data.app}` }) },
})
