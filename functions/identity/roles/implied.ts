import { and, eq, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { impliedRole, role } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { bump } from '../directory.ts'
import { base } from '../list.ts'
import { revoke } from '../revoke.ts'
import { endpoint } from '../service.ts'
import { found } from '../wire.ts'
import { one } from './api.ts'
import { roleRef, type Role } from './model.ts'

const implied = alias(role, 'implied')
const rules = () => q.select({ prior: role, implied }).from(impliedRole).innerJoin(role, eq(role.id, impliedRole.prior)).innerJoin(implied, eq(implied.id, impliedRole.implied)).orderBy(role.id, implied.id)
const links = (ctx: Ctx, path: string) => ({ links: { self: `${base(ctx)}/${path}` } })
const inference = (ctx: Ctx, prior: Role, of: Role) => ({ role_inference: { prior_role: roleRef(ctx, prior), implies: roleRef(ctx, of) }, ...links(ctx, `roles/${prior.id}/implies/${of.id}`) })
const path = '/roles/{prior}/implies/{implied}'

export const list = endpoint({
  id: 'roles.implies.list', method: 'GET', path: '/roles/{prior}/implies', status: 200, policy: 'identity:list_implied_roles', summary: 'List what a role implies',
  async handle(ctx, { params }) {
    const [[prior], rows] = await ctx.read(one(params.prior), rules().where(eq(impliedRole.prior, params.prior)))
    found(prior, 'role', params.prior)
    return { role_inference: { prior_role: roleRef(ctx, prior), implies: rows.map((r) => roleRef(ctx, r.implied)) }, ...links(ctx, `roles/${prior.id}/implies`) }
  },
})

export const all = endpoint({
  id: 'roles.inferences', method: 'GET', path: '/role_inferences', status: 200, policy: 'identity:list_role_inference_rules', summary: 'List every implication',
  async handle(ctx) {
    const [rows] = await ctx.read(rules())
    const priors = new Map(rows.map((r) => [r.prior.id, r.prior]))
    return {
      role_inferences: [...priors.values()].map((p) => ({ prior_role: roleRef(ctx, p), implies: rows.filter((r) => r.prior.id === p.id).map((r) => roleRef(ctx, r.implied)) })),
      ...links(ctx, 'role_inferences'),
    }
  },
})

export const add = endpoint({
  id: 'roles.implies.add', method: 'PUT', path, status: 201, policy: 'identity:create_implied_role', summary: 'Let a role imply another',
  async handle(ctx, { params }) {
    // Would the implied role lead back to the prior one?
    const [[prior], [of], [loop]] = await ctx.read(one(params.prior), one(params.implied), q.all<{ id: string }>(sql`with recursive down (id) as (select ${params.implied} union select implied_role_id from implied_role join down on prior_role_id = down.id)
      select id from down where id = ${params.prior}`))
    found(prior, 'role', params.prior)
    found(of, 'role', params.implied)
    if (of.name.toLowerCase() === 'admin') throw forbidden(`Role ${of.id} cannot be an implied role.`)
    if (prior.domain === null && of.domain !== null) throw forbidden('A global role cannot imply a role of a domain.')
    if (loop) throw invalid('A role cannot imply itself, directly or through others.')
    ctx.stage(q.insert(impliedRole).values({ prior: prior.id, implied: of.id }).onConflictDoNothing())
    bump(ctx)
    return inference(ctx, prior, of)
  },
})

const show = (method: 'GET' | 'HEAD') => endpoint({
  id: method === 'GET' ? 'roles.implies.show' : 'roles.implies.check', method, path, status: method === 'GET' ? 200 : 204, policy: method === 'GET' ? 'identity:get_implied_role' : 'identity:check_implied_role', summary: 'Does a role imply another?',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(rules().where(and(eq(impliedRole.prior, params.prior), eq(impliedRole.implied, params.implied))))
    if (!row) throw notFound('implied role', params.implied, `${params.prior} does not imply ${params.implied}.`)
    return method === 'GET' ? inference(ctx, row.prior, row.implied) : undefined
  },
})
export const looks = [show('GET'), show('HEAD')]

export const remove = endpoint({
  id: 'roles.implies.remove', method: 'DELETE', path, status: 204, policy: 'identity:delete_implied_role', summary: 'Let a role not imply another any more',
  async handle(ctx, { params }) {
    const which = and(eq(impliedRole.prior, params.prior), eq(impliedRole.implied, params.implied))
    const [[row]] = await ctx.read(q.select().from(impliedRole).where(which))
    if (!row) throw notFound('implied role', params.implied, `${params.prior} does not imply ${params.implied}.`)
    ctx.stage(q.delete(impliedRole).where(which), 'stale')
    revoke(ctx, `r:${params.implied}`)
    bump(ctx)
  },
})
