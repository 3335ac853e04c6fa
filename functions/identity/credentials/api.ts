import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { credential, project, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { invalid } from '../../kernel/fault.ts'
import { notDelegated } from '../delegation.ts'
import { filters, page, paged } from '../list.ts'
import { seal, unseal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { found, id, idOrNull, wrapped } from '../wire.ts'
import { chain, credentialView, ec2Id, stageCredential, type Credential, type Ec2Blob } from './model.ts'

const blob = t.String({ minLength: 1, maxLength: 65_535 })
const fields = { type: t.String({ minLength: 1, maxLength: 255 }), blob, user_id: id, project_id: idOrNull }
/** Others' credentials are not there: the owner is part of the query. */
const mine = (ctx: Ctx) => (ctx.can('identity:list_credentials', {}) ? undefined : eq(credential.user, ctx.caller.user.id))
const one = (ctx: Ctx, of: string) => q.select().from(credential).where(and(eq(credential.id, of), mine(ctx)))

function ec2Blob(text: string): Ec2Blob {
  let parsed: Ec2Blob | undefined
  try { parsed = JSON.parse(text) } catch { /* told below */ }
  if (typeof parsed?.access !== 'string' || typeof parsed.secret !== 'string' || !parsed.access || !parsed.secret) throw invalid("Invalid blob in credential: for type 'ec2' it is JSON with 'access' and 'secret'.")
  return parsed
}

export const list = endpoint({
  id: 'credentials.list', method: 'GET', path: '/credentials', status: 200, policy: 'identity:list_credentials', summary: 'List credentials',
  async handle(ctx, input) {
    const query = paged(credential, credential.id, input, and(mine(ctx), filters(input.query, { user_id: credential.user, type: credential.type })))
    const [rows] = await ctx.read(query.query)
    const views = new Map<string, unknown>(await Promise.all((rows as Credential[]).map(async (c) => [c.id, await credentialView(ctx, c)] as const)))
    return page(ctx, input, 'credentials', rows as Credential[], query.limit, (c) => c.id, (c) => views.get(c.id))
  },
})

export const create = endpoint({
  id: 'credentials.create', method: 'POST', path: '/credentials', status: 201, policy: 'identity:create_credential', summary: 'Store a credential',
  body: { '3.0': wrapped('credential', fields, ['type', 'blob']) },
  async handle(ctx, { body }) {
    const given = body.credential as Record<string, any>, owner = given.user_id ?? ctx.caller.user.id
    ctx.may('identity:create_credential', { user: owner })
    notDelegated(ctx, 'store credentials')
    const [[who], [where]] = await ctx.read(q.select().from(user).where(eq(user.id, owner)), q.select().from(project).where(eq(project.id, given.project_id ?? '')))
    found(who, 'user', owner)
    if (given.project_id) found(where, 'project', given.project_id)
    if (given.type !== 'ec2') return { credential: await credentialView(ctx, await stageCredential(ctx, { id: hex32(ctx.world), user: owner, project: given.project_id ?? null, type: given.type, blob: given.blob })) }
    if (!given.project_id) throw invalid("project_id is required for a credential of type 'ec2'.")
    const parsed = { ...ec2Blob(given.blob), ...chain(ctx) }
    return { credential: await credentialView(ctx, await stageCredential(ctx, { id: ec2Id(parsed.access), user: owner, project: given.project_id, type: 'ec2', blob: JSON.stringify(parsed) })) }
  },
})

export const show = endpoint({
  id: 'credentials.show', method: 'GET', path: '/credentials/{credential}', status: 200, policy: 'identity:get_credential', summary: 'Show a credential',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(ctx, params.credential))
    return { credential: await credentialView(ctx, found(row, 'credential', params.credential)) }
  },
})

/** Whose it is and what it is for never change, nor what an EC2 key is bound to: only what is kept in it does. */
export const update = endpoint({
  id: 'credentials.update', method: 'PATCH', path: '/credentials/{credential}', status: 200, policy: 'identity:update_credential', summary: "Change a credential's content",
  body: { '3.0': t.Object({ credential: t.Object({ blob }, { additionalProperties: false }) }) },
  async handle(ctx, { params, body }) {
    const [[row]] = await ctx.read(one(ctx, params.credential))
    found(row, 'credential', params.credential)
    ctx.may('identity:update_credential', { user: row.user })
    notDelegated(ctx, 'change credentials')
    let next = body.credential.blob
    if (row.type === 'ec2') {
      const old = JSON.parse(await unseal(ctx.env, row.id, row.blob)) as Ec2Blob, fresh = ec2Blob(next)
      for (const k of ['access', 'trust_id', 'app_cred_id', 'access_token_id'] as const) if (k in fresh && (fresh[k] ?? null) !== (old[k] ?? null)) throw invalid(`${k} can not be updated for credential.`)
      next = JSON.stringify({ ...fresh, trust_id: old.trust_id, app_cred_id: old.app_cred_id })
    }
    const changed: Credential = { ...row, blob: await seal(ctx.env, ctx.world, row.id, next) }
    ctx.stage(q.update(credential).set(changed).where(eq(credential.id, row.id)), 'stale')
    return { credential: await credentialView(ctx, changed) }
  },
})

export const remove = endpoint({
  id: 'credentials.delete', method: 'DELETE', path: '/credentials/{credential}', status: 204, policy: 'identity:delete_credential', summary: 'Delete a credential',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(ctx, params.credential))
    ctx.may('identity:delete_credential', { user: found(row, 'credential', params.credential).user })
    ctx.stage(q.delete(credential).where(eq(credential.id, row.id)), 'stale')
  },
})
