import { sql, type SQL } from 'drizzle-orm'
import { project } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { actsFor } from '../assignments/effective.ts'
import { catalogOf } from '../directory.ts'
import { listed } from '../list.ts'
import { domainView } from '../domains/model.ts'
import { projectView } from '../projects/model.ts'
import { endpoint } from '../service.ts'
import { directoryNow } from './api.ts'
import type { TokenClaims } from './claims.ts'
import type { Ctx } from '../../kernel/ctx.ts'

/** The projects a user may scope a token to: assigned, by group or inherited, and in a domain that is enabled. */
export const projectsOf = (user: string, more: SQL = sql`1`) => q.select().from(project).where(sql`${project.isDomain} = 0 and ${more} and ${project.enabled} = 1
  and exists (select 1 from project d where d.id = ${project.domain} and d.enabled = 1) and ${project.id} in (
    with recursive mine (target, inherited, scope) as (select target, inherited, scope from assignment where ${actsFor(sql`${user}`)}),
    below (id) as (select p.id from project p where p.parent_id in (select target from mine where inherited = 1) union select p.id from project p join below on p.parent_id = below.id)
    select target from mine where scope = 'project' and inherited = 0 union select id from below)`).orderBy(project.id)

/** A token that was lent or confined says itself where it may go. */
const own = (ctx: Ctx) => {
  const { trust, applicationCredential, oauth } = ctx.caller.token as TokenClaims
  return trust || applicationCredential || oauth ? sql`${project.id} = ${ctx.project}` : undefined
}

const projectsAt = (id: string, path: string) => endpoint({
  id, method: 'GET', path, status: 200, policy: 'identity:get_auth_projects', summary: 'Projects the caller may scope a token to',
  async handle(ctx, { url }) {
    const [rows] = await ctx.read(projectsOf(ctx.caller.user.id, own(ctx)))
    return listed(ctx, url, 'projects', rows.map((r) => projectView(ctx, r)))
  },
})

const domainsAt = (id: string, path: string) => endpoint({
  id, method: 'GET', path, status: 200, policy: 'identity:get_auth_domains', summary: 'Domains the caller may scope a token to',
  async handle(ctx, { url }) {
    const [rows] = await ctx.read(q.select().from(project).where(sql`${project.isDomain} = 1 and ${project.enabled} = 1 and ${own(ctx) ? sql`0` : sql`1`}
      and ${project.id} in (select target from assignment where scope = 'domain' and inherited = 0 and ${actsFor(sql`${ctx.caller.user.id}`)})`).orderBy(project.id))
    return listed(ctx, url, 'domains', rows.map((r) => domainView(ctx, r)))
  },
})
export const projects = projectsAt('auth.projects', '/auth/projects'), domains = domainsAt('auth.domains', '/auth/domains')
/** The same by their older names. */
export const federated = [projectsAt('federation.projects', '/OS-FEDERATION/projects'), domainsAt('federation.domains', '/OS-FEDERATION/domains')]

export const system = endpoint({
  id: 'auth.system', method: 'GET', path: '/auth/system', status: 200, policy: 'identity:get_auth_system', summary: 'Whether the caller may scope a token to the system',
  async handle(ctx, { url }) {
    const [rows] = await ctx.read(q.all<{ n: number }>(sql`select count(*) as n from assignment where scope = 'system' and ${actsFor(sql`${ctx.caller.user.id}`)}`))
    return listed(ctx, url, 'system', rows[0].n && !own(ctx) ? [{ all: true }] : [])
  },
})

export const catalog = endpoint({
  id: 'auth.catalog', method: 'GET', path: '/auth/catalog', status: 200, policy: 'identity:get_auth_catalog', summary: "The catalog as the caller's token shows it",
  async handle(ctx, { url }) { return listed(ctx, url, 'catalog', catalogOf(await directoryNow(ctx), ctx.caller)) },
})
