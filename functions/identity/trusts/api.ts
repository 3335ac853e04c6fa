import { and, eq, isNull, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { project, trust, user } from '../../../schema/identity.ts'
import { assigned } from '../assignments/effective.ts'
import { moment } from '../applications/moment.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { claimsOf } from '../delegation.ts'
import { withImplied, type Directory } from '../directory.ts'
import { base, listed, selfLink } from '../list.ts'
import { revoke } from '../revoke.ts'
import { endpoint } from '../service.ts'
import { directoryNow } from '../tokens/api.ts'
import { extraOf, flag, found, id, nameTo, nullable, wrapped } from '../wire.ts'

type Trust = typeof trust.$inferSelect
const fields = {
  trustor_user_id: id, trustee_user_id: id, project_id: nullable(id), impersonation: flag, expires_at: nullable(t.String({ maxLength: 64 })), remaining_uses: nullable(t.Integer({ minimum: 1 })),
  roles: t.Array(t.Object({ id: t.Optional(id), name: t.Optional(nameTo(255)) }), { maxItems: 100 }), allow_redelegation: nullable(flag), redelegation_count: nullable(t.Integer({ minimum: 0 })),
}
const path = '/OS-TRUST/trusts'
const at = (m: number | null) => (m === null ? null : isoMicrosZ(m))
const brief = (ctx: Ctx, r: Trust) => ({
  ...r.extra, id: r.id, trustor_user_id: r.trustor, trustee_user_id: r.trustee, project_id: r.project, impersonation: r.impersonation, expires_at: at(r.expiresAt), deleted_at: at(r.deletedAt),
  remaining_uses: r.remainingUses, redelegated_trust_id: r.redelegatedFrom, redelegation_count: r.redelegationCount, ...selfLink(ctx, `OS-TRUST/trusts/${r.id}`),
})
const roleViews = (ctx: Ctx, r: Trust, d: Directory) => d.roles.filter((x) => r.roles.includes(x.id)).map((x) => ({ id: x.id, name: x.name, ...selfLink(ctx, `roles/${x.id}`) }))
const whole = (ctx: Ctx, r: Trust, d: Directory) => ({
  ...brief(ctx, r), roles: roleViews(ctx, r, d), roles_links: { self: `${base(ctx)}/OS-TRUST/trusts/${r.id}/roles`, next: null, previous: null },
})

const MAX_DEPTH = 3
/** How often a new trust may be lent on. */
function atFirst(given: Record<string, any>): number {
  const count = given.allow_redelegation ? given.redelegation_count ?? MAX_DEPTH : 0
  if (count > MAX_DEPTH) throw forbidden(`Requested redelegation depth of ${count} is greater than allowed ${MAX_DEPTH}.`)
  return count
}
/** The same for one that is lent on: in no respect more than what it comes from. */
function lentOn(parent: Trust | undefined, given: Record<string, any>, expires: number | null): number {
  if (!parent || parent.redelegationCount < 1) throw forbidden('What this trust lends cannot be lent on.')
  if (given.impersonation && !parent.impersonation) throw forbidden('Impersonation is not allowed because the redelegated trust does not specify impersonation.')
  if ((given.project_id ?? null) !== parent.project) throw forbidden('A redelegated trust is for the same project.')
  if (given.remaining_uses != null) throw forbidden('A redelegated trust cannot count its uses.')
  if (expires !== null && parent.expiresAt !== null && expires > parent.expiresAt) throw forbidden('Requested expiration time is later than the one of the redelegated trust.')
  const count = given.redelegation_count ?? parent.redelegationCount - 1
  if (count >= parent.redelegationCount) throw forbidden(`Requested redelegation depth of ${count} is greater than allowed ${parent.redelegationCount - 1}.`)
  return given.allow_redelegation === false ? 0 : count
}

export const create = endpoint({
  id: 'trusts.create', method: 'POST', path, status: 201, policy: 'identity:create_trust', summary: 'Lend roles on a project to another user',
  body: { '3.0': wrapped('trust', fields, ['trustor_user_id', 'trustee_user_id', 'impersonation']) },
  async handle(ctx, { body }) {
    const given = body.trust as Record<string, any>, claims = claimsOf(ctx)
    if (claims.applicationCredential) throw forbidden('An application credential cannot be used to make a trust.')
    if (claims.oauth) throw forbidden('An OAuth1 access token cannot be used to make a trust.')
    if (given.trustor_user_id !== ctx.caller.user.id) throw forbidden('Only the trustor can make a trust.')
    if (given.allow_redelegation && given.remaining_uses != null) throw forbidden('A trust that may be lent on cannot count its uses: leave out allow_redelegation or remaining_uses.')
    if (given.project_id && !given.roles?.length) throw forbidden('At least one role should be specified.')
    if (!given.project_id && given.roles?.length) throw invalid('Roles are lent on a project: project_id is required with them.')
    const expires = moment('expires_at', given.expires_at)
    if (expires !== null && expires <= ctx.now()) throw invalid('Expiration time is in the past: expires_at must be in the future.')
    const [[trustee], [where], held, [parent]] = await ctx.read(q.select().from(user).where(eq(user.id, given.trustee_user_id)), q.select().from(project).where(eq(project.id, given.project_id ?? '')),
      assigned(sql`${given.trustor_user_id}`, 'project', sql`${given.project_id ?? ''}`), q.select().from(trust).where(and(eq(trust.id, claims.trust?.id ?? ''), isNull(trust.deletedAt))))
    found(trustee, 'user', given.trustee_user_id)
    if (given.project_id) found(where, 'project', given.project_id)
    const directory = await directoryNow(ctx), may = withImplied(directory, claims.trust ? parent?.roles ?? [] : held.map((h) => h.role))
    const roles = (given.roles ?? []).map((r: { id?: string; name?: string }) => {
      const role = directory.roles.find((x) => (r.id !== undefined ? x.id === r.id : x.domain === null && x.name === r.name))
      if (!role || !may.has(role.id)) throw notFound('role', r.id ?? r.name ?? '', `Could not find role: ${r.id ?? r.name} of the trustor on project ${given.project_id}.`)
      return role.id
    })
    const count = claims.trust ? lentOn(parent, given, expires) : atFirst(given)
    const row: Trust = {
      id: hex32(ctx.world), trustor: given.trustor_user_id, trustee: given.trustee_user_id, project: given.project_id ?? null, impersonation: given.impersonation, roles, expiresAt: expires ?? parent?.expiresAt ?? null,
      remainingUses: given.remaining_uses ?? null, redelegatedFrom: parent?.id ?? null, redelegationCount: count, deletedAt: null, extra: extraOf(given, Object.keys(fields)), createdAt: ctx.now(),
    }
    ctx.stage(q.insert(trust).values(row))
    ctx.about(row.id)
    return { trust: whole(ctx, row, directory) }
  },
})

export const list = endpoint({
  id: 'trusts.list', method: 'GET', path, status: 200, policy: 'identity:list_trusts', summary: 'List trusts given or taken',
  async handle(ctx, { query, url }) {
    const trustor = query.get('trustor_user_id'), trustee = query.get('trustee_user_id'), me = ctx.caller.user.id
    if (!ctx.caller.admin && !(ctx.caller.system && ctx.caller.roles.includes('reader')) && trustor !== me && trustee !== me) throw forbidden('You are not authorized to perform the requested action: identity:list_trusts of other users.')
    const [rows] = await ctx.read(q.select().from(trust).where(and(isNull(trust.deletedAt), trustor ? eq(trust.trustor, trustor) : undefined, trustee ? eq(trust.trustee, trustee) : undefined)).orderBy(trust.id))
    return listed(ctx, url, 'trusts', rows.map((r) => brief(ctx, r)))
  },
})

/** A trust is seen by who gave it, who took it, and operators; one that is over is not there. */
async function one(ctx: Ctx, of: string, who: 'parties' | 'trustor' = 'parties'): Promise<Trust> {
  const [[row]] = await ctx.read(q.select().from(trust).where(and(eq(trust.id, of), isNull(trust.deletedAt))))
  const me = ctx.caller.user.id
  if (!row || (row.expiresAt !== null && row.expiresAt <= ctx.now()) || row.remainingUses === 0) throw found(undefined, 'trust', of)
  if (!ctx.caller.admin && row.trustor !== me && !(who === 'parties' && row.trustee === me)) throw forbidden('You are not authorized to perform the requested action on this trust.')
  return row
}

export const show = endpoint({
  id: 'trusts.show', method: 'GET', path: `${path}/{trust}`, status: 200, policy: 'identity:get_trust', summary: 'Show a trust',
  async handle(ctx, { params }) { return { trust: whole(ctx, await one(ctx, params.trust), await directoryNow(ctx)) } },
})

export const remove = endpoint({
  id: 'trusts.delete', method: 'DELETE', path: `${path}/{trust}`, status: 204, policy: 'identity:delete_trust', summary: 'Take a trust back; its tokens end',
  async handle(ctx, { params }) {
    const row = await one(ctx, params.trust, 'trustor')
    const below = sql`(with recursive down (id) as (select ${row.id} union select trust.id from trust join down on trust.redelegated_trust_id = down.id) select id from down)`
    ctx.stage(q.update(trust).set({ deletedAt: ctx.now() }).where(and(sql`${trust.id} in ${below}`, isNull(trust.deletedAt))), 'stale')
    revoke(ctx, `t:${row.id}`)
  },
})

export const roles = [
  endpoint({
    id: 'trusts.roles.list', method: 'GET', path: `${path}/{trust}/roles`, status: 200, policy: 'identity:get_trust', summary: 'List the roles a trust lends',
    async handle(ctx, { params, url }) { return listed(ctx, url, 'roles', roleViews(ctx, await one(ctx, params.trust), await directoryNow(ctx))) },
  }),
  endpoint({
    id: 'trusts.roles.show', method: 'GET', path: `${path}/{trust}/roles/{role}`, status: 200, policy: 'identity:get_trust', summary: 'Show a role a trust lends',
    async handle(ctx, { params }) {
      const [role] = roleViews(ctx, await one(ctx, params.trust), await directoryNow(ctx)).filter((r) => r.id === params.role)
      return { role: found(role, 'role', params.role) }
    },
  }),
]
