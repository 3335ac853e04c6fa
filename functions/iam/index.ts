import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { credential } from '../../schema/identity.ts'
import { arn } from '../aws/arn.ts'
import { awsFault } from '../aws/faults.ts'
import { front, shape } from '../aws/front.ts'
import { ec2Id, ec2View } from '../identity/credentials/model.ts'
import { invoke } from '../kernel/invoke.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { authenticated } from '../kernel/policy.ts'

const iam = front({
  name: 'iam', type: 'iam', mount: '/iam', prefixes: [''], protocol: 'query', version: '2010-05-08', namespace: 'https://iam.amazonaws.com/doc/2010-05-08/', global: true,
  rules: { 'iam:GetUser': authenticated, 'iam:ListAccessKeys': authenticated, 'iam:CreateAccessKey': authenticated, 'iam:DeleteAccessKey': authenticated },
  codes: { kinds: { notFound: 'NoSuchEntity', conflict: 'EntityAlreadyExists', overQuota: 'LimitExceeded' }, statuses: { NoSuchEntity: 404, EntityAlreadyExists: 409, LimitExceeded: 409 } },
})
const name = t.Optional(t.String({ minLength: 1, maxLength: 128 })), path = (ctx: Ctx) => `/users/${ctx.caller.user.id}/credentials/OS-EC2`
const iso = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString()
/** Everybody looks after their own keys, of the project the request is signed for; whose others are is the identity service's to say. */
function own(ctx: Ctx, asked: string | undefined) {
  if (asked !== undefined && asked !== ctx.caller.user.name) throw awsFault('NoSuchEntity', `The user with name ${asked} cannot be found: only one's own keys are looked after here.`, { status: 404 })
}

/** As much of IAM as there is behind it here: who one is, and one's own access keys. */
export default iam.serve([
  iam.action('GetUser', {
    policy: 'iam:GetUser', summary: 'Who signed this request', input: shape({ UserName: name }),
    async handle(ctx, i) {
      own(ctx, i.UserName)
      const { user } = ctx.caller
      return { User: { Path: '/', UserName: user.name, UserId: user.id, Arn: arn(ctx, 'iam', `user/${user.name}`, { region: '' }), CreateDate: iso(0) } }
    },
  }),
  iam.action('ListAccessKeys', {
    policy: 'iam:ListAccessKeys', summary: "List one's own access keys", input: shape({ UserName: name, Marker: t.Optional(t.String({ maxLength: 320 })), MaxItems: t.Optional(t.Integer({ minimum: 1, maximum: 1000 })) }),
    async handle(ctx, i) {
      own(ctx, i.UserName)
      const [rows] = await ctx.read(q.select().from(credential).where(and(eq(credential.user, ctx.caller.user.id), eq(credential.type, 'ec2'), eq(credential.project, ctx.project))).orderBy(credential.id))
      return { AccessKeyMetadata: await Promise.all(rows.map(async (c) => ({ UserName: ctx.caller.user.name, AccessKeyId: (await ec2View(ctx, c)).access, Status: 'Active', CreateDate: iso(c.createdAt) }))), IsTruncated: false }
    },
  }),
  iam.action('CreateAccessKey', {
    policy: 'iam:CreateAccessKey', summary: 'Make an access key of one\'s own', input: shape({ UserName: name }),
    async handle(ctx, i) {
      own(ctx, i.UserName)
      const { credential: made } = (await invoke(ctx, ctx.caller, { service: 'identity', method: 'POST', path: path(ctx), body: { tenant_id: ctx.project } })).body
      ctx.about(ec2Id(made.access))
      return { AccessKey: { UserName: ctx.caller.user.name, AccessKeyId: made.access, Status: 'Active', SecretAccessKey: made.secret, CreateDate: iso(ctx.now()) } }
    },
  }),
  iam.action('DeleteAccessKey', {
    policy: 'iam:DeleteAccessKey', summary: 'Delete an access key of one\'s own', input: shape({ UserName: name, AccessKeyId: t.String({ minLength: 16, maxLength: 128 }) }),
    async handle(ctx, i) {
      own(ctx, i.UserName)
      await invoke(ctx, ctx.caller, { service: 'identity', method: 'DELETE', path: `${path(ctx)}/${encodeURIComponent(i.AccessKeyId)}` })
    },
  }),
])
