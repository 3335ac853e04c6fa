import { and, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { oauthToken, project } from '../../../schema/identity.ts'
import { assigned } from '../assignments/effective.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { hex32, seconds } from '../../kernel/env.ts'
import { forbidden, invalid, unauthorized } from '../../kernel/fault.ts'
import { hashed } from '../../kernel/secrets.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { notDelegated } from '../delegation.ts'
import { withImplied, type Directory } from '../directory.ts'
import { base, listed, selfLink } from '../list.ts'
import { revoke } from '../revoke.ts'
import { seal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { directoryNow } from '../tokens/api.ts'
import { found, id, nameTo } from '../wire.ts'
import { signer, word } from './proof.ts'

type Token = typeof oauthToken.$inferSelect
const REQUEST = 8 * 3600, ACCESS = 24 * 3600

async function made(ctx: Ctx, kind: Token['kind'], from: Pick<Token, 'consumer' | 'project' | 'user' | 'roles'>) {
  const secret = word(ctx, 32), of = hex32(ctx.world), expiresAt = ctx.now() + seconds(kind === 'request' ? REQUEST : ACCESS)
  ctx.stage(q.insert(oauthToken).values({ ...from, id: of, kind, secret: await seal(ctx.env, ctx.world, of, secret), verifier: null, expiresAt, createdAt: ctx.now() }))
  ctx.about(of)
  const form = new URLSearchParams({ oauth_token: of, oauth_token_secret: secret, oauth_expires_at: isoMicrosZ(expiresAt) })
  return new Response(form.toString(), { status: 201, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
}

export const exchange = [
  endpoint({
    id: 'oauth1.request', method: 'POST', path: '/OS-OAUTH1/request_token', status: 201, policy: 'public', raw: true, summary: 'A consumer asks to be lent roles on a project',
    async handle(ctx, { request }) {
      const wanted = request.headers.get('requested-project-id') ?? ''
      const { who } = await signer(ctx, request)
      const [[place]] = await ctx.read(q.select().from(project).where(eq(project.id, wanted)))
      if (!place || place.isDomain) throw invalid("The header 'Requested-Project-Id' has to name a project.")
      return made(ctx, 'request', { consumer: who.id, project: place.id, user: null, roles: [] })
    },
  }),
  endpoint({
    id: 'oauth1.authorize', method: 'PUT', path: '/OS-OAUTH1/authorize/{request}', status: 200, policy: 'identity:authorize_request_token', summary: 'Lend a consumer roles on the project it asked for',
    body: { '3.0': t.Object({ roles: t.Array(t.Object({ id: t.Optional(id), name: t.Optional(nameTo(255)) }), { minItems: 1, maxItems: 100 }) }) },
    async handle(ctx, { params, body }) {
      notDelegated(ctx, 'lend roles to a consumer')
      const me = ctx.caller.user.id
      const [[row], held] = await ctx.read(q.select().from(oauthToken).where(and(eq(oauthToken.id, params.request), eq(oauthToken.kind, 'request'))),
        assigned(sql`${me}`, 'project', sql`(select project_id from oauth_token where id = ${params.request})`))
      found(row, 'request token', params.request)
      if (row.expiresAt !== null && row.expiresAt <= ctx.now()) throw unauthorized('The request token has expired.')
      if (row.user !== null) throw forbidden('The request token was authorized already.')
      const directory = await directoryNow(ctx), may = withImplied(directory, held.map((h) => h.role))
      const roles = body.roles.map((r) => {
        const known = directory.roles.find((x) => (r.id !== undefined ? x.id === r.id : x.domain === null && x.name === r.name))
        if (!known || !may.has(known.id)) throw unauthorized(`The role ${r.id ?? r.name} is not yours on the project that was asked for.`)
        return known.id
      })
      const verifier = word(ctx, 8)
      ctx.stage(q.update(oauthToken).set({ user: me, roles: [...new Set(roles)], verifier: hashed(verifier) }).where(and(eq(oauthToken.id, row.id), sql`${oauthToken.user} is null`)), 'stale')
      return { token: { oauth_verifier: verifier } }
    },
  }),
  endpoint({
    id: 'oauth1.access', method: 'POST', path: '/OS-OAUTH1/access_token', status: 201, policy: 'public', raw: true, summary: 'Turn an authorized request token into an access token',
    async handle(ctx, { request }) {
      const { of, params } = await signer(ctx, request, 'request')
      if (of.user === null || of.verifier !== hashed(params.oauth_verifier ?? '')) throw unauthorized('The request token is not authorized, or the verifier is wrong.')
      ctx.stage(q.delete(oauthToken).where(eq(oauthToken.id, of.id)), 'stale')
      return made(ctx, 'access', of)
    },
  }),
]

const path = '/users/{user}/OS-OAUTH1/access_tokens', at = `${path}/{token}`
const mine = (p: Record<string, string>, now: number) => and(eq(oauthToken.user, p.user), eq(oauthToken.kind, 'access'), or(isNull(oauthToken.expiresAt), gt(oauthToken.expiresAt, now)), p.token ? eq(oauthToken.id, p.token) : undefined)
const view = (ctx: Ctx, r: Token) => {
  const self = `${base(ctx)}/users/${r.user}/OS-OAUTH1/access_tokens/${r.id}`
  return { id: r.id, consumer_id: r.consumer, project_id: r.project, authorizing_user_id: r.user, expires_at: r.expiresAt === null ? null : isoMicrosZ(r.expiresAt), links: { self, roles: `${self}/roles` } }
}
const roleOf = (ctx: Ctx, r: Directory['roles'][number]) => ({ id: r.id, name: r.name, domain_id: r.domain, ...selfLink(ctx, `roles/${r.id}`) })
const look = async (ctx: Ctx, p: Record<string, string>, rule: 'identity:get_access_token' | 'identity:delete_access_token' | 'identity:list_access_token_roles' | 'identity:get_access_token_role') => {
  ctx.may(rule, { user: p.user })
  const [[row]] = await ctx.read(q.select().from(oauthToken).where(mine(p, ctx.now())))
  return found(row, 'access token', p.token)
}

export const accessTokens = [
  endpoint({
    id: 'oauth1.tokens.list', method: 'GET', path, status: 200, policy: 'identity:list_access_tokens', summary: 'List what a user has lent to consumers',
    async handle(ctx, { params, url }) {
      ctx.may('identity:list_access_tokens', { user: params.user })
      const [rows] = await ctx.read(q.select().from(oauthToken).where(mine(params, ctx.now())).orderBy(oauthToken.id))
      return listed(ctx, url, 'access_tokens', rows.map((r) => view(ctx, r)))
    },
  }),
  endpoint({
    id: 'oauth1.tokens.show', method: 'GET', path: at, status: 200, policy: 'identity:get_access_token', summary: 'Show what a user has lent to a consumer',
    async handle(ctx, { params }) { return { access_token: view(ctx, await look(ctx, params, 'identity:get_access_token')) } },
  }),
  endpoint({
    id: 'oauth1.tokens.delete', method: 'DELETE', path: at, status: 204, policy: 'identity:delete_access_token', summary: 'Take back what was lent to a consumer; its tokens end',
    async handle(ctx, { params }) {
      const row = await look(ctx, params, 'identity:delete_access_token')
      notDelegated(ctx, 'take back what was lent')
      ctx.stage(q.delete(oauthToken).where(eq(oauthToken.id, row.id)), 'stale')
      revoke(ctx, `o:${row.id}`)
    },
  }),
  endpoint({
    id: 'oauth1.tokens.roles', method: 'GET', path: `${at}/roles`, status: 200, policy: 'identity:list_access_token_roles', summary: 'List the roles lent to a consumer',
    async handle(ctx, { params, url }) {
      const row = await look(ctx, params, 'identity:list_access_token_roles'), { roles } = await directoryNow(ctx)
      return listed(ctx, url, 'roles', roles.filter((r) => row.roles.includes(r.id)).map((r) => roleOf(ctx, r)))
    },
  }),
  endpoint({
    id: 'oauth1.tokens.role', method: 'GET', path: `${at}/roles/{role}`, status: 200, policy: 'identity:get_access_token_role', summary: 'Show a role lent to a consumer',
    async handle(ctx, { params }) {
      const row = await look(ctx, params, 'identity:get_access_token_role'), { roles } = await directoryNow(ctx)
      return { role: roleOf(ctx, found(roles.find((r) => r.id === params.role && row.roles.includes(r.id)), 'role', params.role)) }
    },
  }),
]
