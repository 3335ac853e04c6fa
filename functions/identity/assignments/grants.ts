import { and, eq, sql } from 'drizzle-orm'
import { applicationCredential, assignment, group, project, role, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Endpoint, Params } from '../../kernel/endpoint.ts'
import { forbidden, notFound } from '../../kernel/fault.ts'
import { listed } from '../list.ts'
import { revoke, revokeAll } from '../revoke.ts'
import { roleView } from '../roles/model.ts'
import { endpoint, type Rule } from '../service.ts'
import { found } from '../wire.ts'

/** Where a role is given: the same verbs for every pair of actor and target, direct or inherited. */
interface Place { scope: 'project' | 'domain' | 'system'; actor: 'user' | 'group'; inherited: boolean }
interface Grant extends Place { target: string; who: string; role?: string }
/** The only roles somebody who manages one domain may hand out. */
const MANAGED = new Set(['manager', 'member', 'reader'])

const of = (p: Place, params: Params): Grant => ({ ...p, target: p.scope === 'system' ? 'system' : params[p.scope], who: params[p.actor], role: params.role })
const rows = (g: Grant) => and(eq(assignment.actorKind, g.actor), eq(assignment.actor, g.who), eq(assignment.scope, g.scope), eq(assignment.target, g.target), eq(assignment.inherited, g.inherited))

/** Reads who, where and what; 403 and 404 as they are due. `more` joins the batch. */
async function look(ctx: Ctx, g: Grant, rule: Rule) {
  const table = g.actor === 'user' ? user : group
  const [[who], [place], held] = await ctx.read(
    q.select({ id: table.id, domain: table.domain }).from(table).where(eq(table.id, g.who)),
    q.select().from(project).where(eq(project.id, g.target)),
    q.select({ role, has: sql<number>`exists (select 1 from assignment where ${rows(g)} and ${assignment.role} = ${role.id})` }).from(role)
      .where(g.role ? eq(role.id, g.role) : sql`${role.id} in (select role from assignment where ${rows(g)})`).orderBy(role.id))
  const domain = place?.domain ?? place?.id
  ctx.may(rule, { domain: who?.domain === domain ? domain : undefined })
  if (g.scope === 'domain' ? !place?.isDomain : g.scope === 'project' && !place) throw found(undefined, g.scope, g.target)
  found(who, g.actor, g.who)
  return { domain, held, one: g.role ? found(held[0], 'role', g.role) : undefined }
}

async function put(ctx: Ctx, g: Grant, rule: Rule) {
  const { domain, one } = await look(ctx, g, rule)
  const { role: r } = one!
  if (r.domain !== null && r.domain !== domain) throw forbidden(`Project or domain ${g.target} must be in the same domain as the role ${r.id} being assigned.`)
  if (!ctx.caller.admin && (r.domain !== null || !MANAGED.has(r.name.toLowerCase()))) throw forbidden(`You are not authorized to perform the requested action: ${rule} of the role ${r.name}.`)
  ctx.stage(q.insert(assignment).values({ actorKind: g.actor, actor: g.who, scope: g.scope, target: g.target, role: r.id, inherited: g.inherited }).onConflictDoNothing())
}

async function take(ctx: Ctx, g: Grant, rule: Rule) {
  const { one } = await look(ctx, g, rule)
  if (!one!.has) throw notFound('role assignment', g.role!, `Could not find role assignment with role: ${g.role}, ${g.actor}: ${g.who}, ${g.scope}: ${g.target}.`)
  if (!ctx.caller.admin && !MANAGED.has(one!.role.name.toLowerCase())) throw forbidden(`You are not authorized to perform the requested action: ${rule} of the role ${one!.role.name}.`)
  ctx.stage(q.delete(assignment).where(and(rows(g), eq(assignment.role, g.role!))), 'stale')
  // What lived by the assignment ends with it: tokens there, and what the user delegated from there.
  const mark = g.inherited ? '' : { project: 'up', domain: 'ud', system: 'us' }[g.scope]
  const subject = (u: string) => (g.inherited ? `u:${u}` : g.scope === 'system' ? `us:${u}` : `${mark}:${u}:${g.target}`)
  if (g.actor === 'user') revoke(ctx, subject(g.who))
  else revokeAll(ctx, sql`select ${g.inherited ? 'u:' : `${mark}:`} || user_id || ${g.inherited || g.scope === 'system' ? '' : `:${g.target}`} as subject from membership where group_id = ${g.who}`)
  const users = g.actor === 'user' ? sql`(${g.who})` : sql`(select user_id from membership where group_id = ${g.who})`
  if (g.scope === 'project') ctx.stage(q.delete(applicationCredential).where(sql`${applicationCredential.project} = ${g.target} and ${applicationCredential.user} in ${users}`))
}

function verbs(p: Place): Endpoint[] {
  const name = `grants.${p.inherited ? 'inherited.' : ''}${p.scope}.${p.actor}`
  const where = `${p.inherited ? '/OS-INHERIT' : ''}${p.scope === 'system' ? '/system' : `/${p.scope}s/{${p.scope}}`}/${p.actor}s/{${p.actor}}/roles`
  const tail = p.inherited ? '/inherited_to_projects' : '', path = `${where}/{role}${tail}`
  const to = `${p.actor === 'user' ? 'a user' : 'a group'} on ${p.scope === 'system' ? 'the system' : `a ${p.scope}`}${p.inherited ? ', inherited by its projects' : ''}`
  const rule = (verb: 'list' | 'check' | 'create' | 'revoke') => `identity:${verb}_${p.scope === 'system' ? 'system_' : ''}grant${verb === 'list' ? 's' : ''}` as Rule
  const check = (method: 'GET' | 'HEAD') => endpoint({
    id: `${name}.${method === 'GET' ? 'show' : 'check'}`, method, path, status: 204, policy: rule('check'), summary: `Is a role assigned to ${to}?`,
    async handle(ctx, { params }) {
      const g = of(p, params), { one } = await look(ctx, g, rule('check'))
      if (!one!.has) throw notFound('role assignment', params.role, `Could not find role assignment with role: ${params.role}, ${p.actor}: ${g.who}, ${p.scope}: ${g.target}.`)
    },
  })
  return [
    ...(p.inherited && p.scope === 'project' ? [] : [endpoint({
      id: `${name}.list`, method: 'GET', path: where + tail, status: 200, policy: rule('list'), summary: `List the roles of ${to}`,
      async handle(ctx, { params, url }) {
        const { held } = await look(ctx, of(p, params), rule('list'))
        return listed(ctx, url, 'roles', held.map((h) => roleView(ctx, h.role)))
      },
    })]),
    endpoint({ id: `${name}.add`, method: 'PUT', path, status: 204, policy: rule('create'), summary: `Assign a role to ${to}`, handle: (ctx, { params }) => put(ctx, of(p, params), rule('create')) }),
    check('GET'), check('HEAD'),
    endpoint({ id: `${name}.remove`, method: 'DELETE', path, status: 204, policy: rule('revoke'), summary: `Take a role from ${to}`, handle: (ctx, { params }) => take(ctx, of(p, params), rule('revoke')) }),
  ]
}

const actors = ['user', 'group'] as const
export const grants = [
  ...actors.flatMap((actor) => (['project', 'domain', 'system'] as const).flatMap((scope) => verbs({ scope, actor, inherited: false }))),
  ...actors.flatMap((actor) => (['project', 'domain'] as const).flatMap((scope) => verbs({ scope, actor, inherited: true }))),
]
