import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { credential, project, user } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { notDelegated } from '../delegation.ts'
import { listed } from '../list.ts'
import { endpoint } from '../service.ts'
import { found, id } from '../wire.ts'
import { chain, ec2Id, ec2View, newKey, stageCredential } from './model.ts'

const path = '/users/{user}/credentials/OS-EC2'
const one = (params: Record<string, string>) => q.select().from(credential).where(and(eq(credential.id, ec2Id(params.access)), eq(credential.user, params.user), eq(credential.type, 'ec2')))

export const create = endpoint({
  id: 'ec2_credentials.create', method: 'POST', path, status: 201, policy: 'identity:ec2_create_credential', summary: 'Make an EC2 key pair for a user on a project',
  body: { '3.0': t.Object({ tenant_id: id }) },
  async handle(ctx, { params, body }) {
    ctx.may('identity:ec2_create_credential', { user: params.user })
    notDelegated(ctx, 'make EC2 credentials')
    const [[who], [where]] = await ctx.read(q.select().from(user).where(eq(user.id, params.user)), q.select().from(project).where(eq(project.id, body.tenant_id)))
    found(who, 'user', params.user)
    found(where, 'project', body.tenant_id)
    const access = newKey(ctx)
    const row = await stageCredential(ctx, { id: ec2Id(access), user: params.user, project: body.tenant_id, type: 'ec2', blob: JSON.stringify({ access, secret: newKey(ctx), ...chain(ctx) }) })
    return { credential: await ec2View(ctx, row) }
  },
})

export const list = endpoint({
  id: 'ec2_credentials.list', method: 'GET', path, status: 200, policy: 'identity:ec2_list_credentials', summary: "List a user's EC2 key pairs",
  async handle(ctx, { params, url }) {
    ctx.may('identity:ec2_list_credentials', { user: params.user })
    const [[who], rows] = await ctx.read(q.select().from(user).where(eq(user.id, params.user)), q.select().from(credential).where(and(eq(credential.user, params.user), eq(credential.type, 'ec2'))).orderBy(credential.id))
    found(who, 'user', params.user)
    return listed(ctx, url, 'credentials', await Promise.all(rows.map((c) => ec2View(ctx, c))))
  },
})

export const show = endpoint({
  id: 'ec2_credentials.show', method: 'GET', path: `${path}/{access}`, status: 200, policy: 'identity:ec2_get_credential', summary: 'Show an EC2 key pair',
  async handle(ctx, { params }) {
    ctx.may('identity:ec2_get_credential', { user: params.user })
    const [[row]] = await ctx.read(one(params))
    return { credential: await ec2View(ctx, found(row, 'credential', params.access)) }
  },
})

export const remove = endpoint({
  id: 'ec2_credentials.delete', method: 'DELETE', path: `${path}/{access}`, status: 204, policy: 'identity:ec2_delete_credential', summary: 'Delete an EC2 key pair',
  async handle(ctx, { params }) {
    ctx.may('identity:ec2_delete_credential', { user: params.user })
    const [[row]] = await ctx.read(one(params))
    ctx.stage(q.delete(credential).where(eq(credential.id, found(row, 'credential', params.access).id)), 'stale')
  },
})
