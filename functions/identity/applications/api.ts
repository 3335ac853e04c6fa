import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { accessRule, applicationCredential, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { isoMicros } from '../../kernel/view.ts'
import { claimsOf, notDelegated } from '../delegation.ts'
import type { Directory } from '../directory.ts'
import { filters, listed, selfLink } from '../list.ts'
import { hashSecret, MAX_PASSWORD } from '../passwords.ts'
import { revoke } from '../revoke.ts'
import { endpoint } from '../service.ts'
import { directoryNow } from '../tokens/api.ts'
import { flag, found, id, nameTo, nullable, text, wrapped } from '../wire.ts'
import { moment } from './moment.ts'

type App = typeof applicationCredential.$inferSelect
type Rule = typeof accessRule.$inferSelect
onDuplicate('application_credential.user_id, application_credential.name', () => conflict('Conflict occurred attempting to store application_credential - Duplicate entry found with this name.'))

const ref = t.Object({ id: t.Optional(id), name: t.Optional(nameTo(255)) })
const rule = t.Object({
  id: t.Optional(id), service: t.Optional(t.String({ minLength: 1, maxLength: 255 })), path: t.Optional(t.String({ maxLength: 128, pattern: '^/' })),
  method: t.Optional(t.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])),
}, { additionalProperties: false })
const fields = {
  name: nameTo(255), description: text, secret: nullable(t.String({ minLength: 1, maxLength: MAX_PASSWORD })), expires_at: nullable(t.String({ maxLength: 64 })),
  roles: t.Array(ref, { maxItems: 100 }), unrestricted: nullable(flag), access_rules: t.Array(rule, { maxItems: 20 }), project_id: nullable(id),
}
const ruleView = (r: Rule) => ({ id: r.id, service: r.service, method: r.method, path: r.path })
const view = (ctx: Ctx, a: App, d: Directory, rules: Rule[]) => ({
  id: a.id, name: a.name, description: a.description, user_id: a.user, project_id: a.project, system: null, unrestricted: a.unrestricted,
  expires_at: a.expiresAt === null ? null : isoMicros(a.expiresAt), roles: d.roles.filter((r) => a.roles.includes(r.id)).map((r) => ({ id: r.id, name: r.name, domain_id: r.domain })),
  ...(a.accessRules && { access_rules: rules.filter((r) => a.accessRules!.includes(r.id)).map(ruleView) }), ...selfLink(ctx, `users/${a.user}/application_credentials/${a.id}`),
})
const path = '/users/{user}/application_credentials', one = `${path}/{app}`
const rulesOf = (user: string) => q.select().from(accessRule).where(eq(accessRule.user, user)).orderBy(accessRule.id)
const appOf = (params: Record<string, string>) => q.select().from(applicationCredential).where(and(eq(applicationCredential.id, params.app), eq(applicationCredential.user, params.user)))

export const create = endpoint({
  id: 'application_credentials.create', method: 'POST', path, status: 201, policy: 'identity:create_application_credential', summary: 'Make an application credential for the project of the token',
  body: { '3.0': wrapped('application_credential', fields, ['name']) },
  async handle(ctx, { params, body }) {
    ctx.may('identity:create_application_credential', { user: params.user })
    notDelegated(ctx, 'make application credentials')
    const given = body.application_credential as Record<string, any>, claims = claimsOf(ctx), project = ctx.project
    if (given.project_id && given.project_id !== project) throw forbidden('An application credential is for the project of the token.')
    const [have, directory] = [(await ctx.read(rulesOf(params.user)))[0], await directoryNow(ctx)]
    const roles = given.roles ? given.roles.map((r: { id?: string; name?: string }) => {
      const held = claims.roles.find((h) => (r.id !== undefined ? h.id === r.id : h.name === r.name))
      if (!held) throw invalid(`Invalid application credential: the token does not carry the role ${r.id ?? r.name}.`)
      return held.id
    }) : claims.roles.map((r) => r.id)
    if (!roles.length) throw invalid('Invalid application credential: at least one role is required.')
    // Whoever is confined to some requests confines what they make at least as much.
    const confined = claims.applicationCredential?.rules
    if (confined && !given.access_rules) throw forbidden('The access rules of the application credential in use must be given on.')
    const rules: Rule[] = (given.access_rules ?? []).map((r: Partial<Rule>) => {
      const known = have.find((h) => (r.id !== undefined ? h.id === r.id : h.service === r.service && h.method === r.method && h.path === r.path))
      if (r.id !== undefined) return found(known, 'access rule', r.id)
      if (!r.service || !r.method || !r.path) throw invalid("Invalid access rule: 'service', 'method' and 'path' are required.")
      return known ?? { id: hex32(ctx.world), user: params.user, service: r.service, method: r.method, path: r.path }
    })
    if (confined && rules.some((r) => !confined.some((c) => c.service === r.service && c.method === r.method && c.path === r.path))) throw forbidden('The application credential in use does not allow these access rules.')
    const fresh = rules.filter((r) => !have.some((h) => h.id === r.id))
    if (fresh.length) ctx.stage(q.insert(accessRule).values(fresh).onConflictDoNothing())
    const { secret, hash } = await hashSecret(ctx.world, given.secret ?? undefined), expires = moment('expires_at', given.expires_at)
    if (expires !== null && expires <= ctx.now()) throw invalid('Invalid application credential: expires_at is in the past.')
    const row: App = {
      id: hex32(ctx.world), name: given.name.trim(), user: params.user, project, description: given.description ?? null, secret: hash, roles: [...new Set<string>(roles)], unrestricted: given.unrestricted ?? false,
      expiresAt: expires, accessRules: given.access_rules ? rules.map((r) => r.id) : null, createdAt: ctx.now(),
    }
    ctx.stage(q.insert(applicationCredential).values(row))
    ctx.about(row.id)
    return { application_credential: { ...view(ctx, row, directory, rules), secret } }
  },
})

export const list = endpoint({
  id: 'application_credentials.list', method: 'GET', path, status: 200, policy: 'identity:list_application_credentials', summary: "List a user's application credentials",
  async handle(ctx, { params, query, url }) {
    ctx.may('identity:list_application_credentials', { user: params.user })
    const [apps, rules, [who]] = await ctx.read(q.select().from(applicationCredential).where(and(eq(applicationCredential.user, params.user), filters(query, { name: applicationCredential.name }))).orderBy(applicationCredential.id),
      rulesOf(params.user), q.select({ id: user.id }).from(user).where(eq(user.id, params.user)))
    found(who, 'user', params.user)
    const directory = await directoryNow(ctx)
    return listed(ctx, url, 'application_credentials', apps.map((a) => view(ctx, a, directory, rules)))
  },
})

export const show = endpoint({
  id: 'application_credentials.show', method: 'GET', path: one, status: 200, policy: 'identity:get_application_credential', summary: 'Show an application credential',
  async handle(ctx, { params }) {
    ctx.may('identity:get_application_credential', { user: params.user })
    const [[row], rules] = await ctx.read(appOf(params), rulesOf(params.user))
    return { application_credential: view(ctx, found(row, 'application credential', params.app), await directoryNow(ctx), rules) }
  },
})

export const remove = endpoint({
  id: 'application_credentials.delete', method: 'DELETE', path: one, status: 204, policy: 'identity:delete_application_credential', summary: 'Delete an application credential; its tokens end',
  async handle(ctx, { params }) {
    ctx.may('identity:delete_application_credential', { user: params.user })
    notDelegated(ctx, 'delete application credentials')
    const [[row]] = await ctx.read(appOf(params))
    ctx.stage(q.delete(applicationCredential).where(eq(applicationCredential.id, found(row, 'application credential', params.app).id)), 'stale')
    revoke(ctx, `c:${row.id}`)
  },
})

const ruleOf = (params: Record<string, string>) => q.select().from(accessRule).where(and(eq(accessRule.id, params.rule), eq(accessRule.user, params.user)))
export const rules = [
  endpoint({
    id: 'access_rules.list', method: 'GET', path: '/users/{user}/access_rules', status: 200, policy: 'identity:list_access_rules', summary: "List a user's access rules",
    async handle(ctx, { params, query, url }) {
      ctx.may('identity:list_access_rules', { user: params.user })
      const [rows] = await ctx.read(q.select().from(accessRule).where(and(eq(accessRule.user, params.user), filters(query, { service: accessRule.service, method: accessRule.method, path: accessRule.path }))).orderBy(accessRule.id))
      return listed(ctx, url, 'access_rules', rows.map((r) => ({ ...ruleView(r), ...selfLink(ctx, `users/${r.user}/access_rules/${r.id}`) })))
    },
  }),
  endpoint({
    id: 'access_rules.show', method: 'GET', path: '/users/{user}/access_rules/{rule}', status: 200, policy: 'identity:get_access_rule', summary: 'Show an access rule',
    async handle(ctx, { params }) {
      ctx.may('identity:get_access_rule', { user: params.user })
      const [[row]] = await ctx.read(ruleOf(params))
      return { access_rule: { ...ruleView(found(row, 'access rule', params.rule)), ...selfLink(ctx, `users/${row.user}/access_rules/${row.id}`) } }
    },
  }),
  endpoint({
    id: 'access_rules.delete', method: 'DELETE', path: '/users/{user}/access_rules/{rule}', status: 204, policy: 'identity:delete_access_rule', summary: 'Delete an access rule that nothing uses',
    async handle(ctx, { params }) {
      ctx.may('identity:delete_access_rule', { user: params.user })
      const [[row], [used]] = await ctx.read(ruleOf(params), q.select({ id: applicationCredential.id }).from(applicationCredential)
        .where(and(eq(applicationCredential.user, params.user), sql`exists (select 1 from json_each(${applicationCredential.accessRules}) where value = ${params.rule})`)).limit(1))
      found(row, 'access rule', params.rule)
      if (used) throw forbidden(`Access rule ${row.id} cannot be deleted: an application credential uses it.`)
      ctx.stage(q.delete(accessRule).where(eq(accessRule.id, row.id)), 'stale')
    },
  }),
]
