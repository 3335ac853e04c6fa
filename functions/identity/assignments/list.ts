import { sql, type SQL } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { base, listed } from '../list.ts'
import { endpoint } from '../service.ts'
import { above } from './effective.ts'

interface Row {
  actor_kind: 'user' | 'group'; actor: string; scope: 'project' | 'domain' | 'system'; target: string; role: string; inherited: number
  /** What it was expanded from. */
  via_group: string | null; from_target: string; from_role: string; from_scope: string
  actor_name: string | null; actor_domain: string | null; actor_domain_name: string | null
  target_name: string | null; target_domain: string | null; target_domain_name: string | null; role_name: string | null; role_domain: string | null; role_domain_name: string | null
}
interface Ask { user?: string; group?: string; role?: string; project?: string; domain?: string; system: boolean; inherited: boolean; effective: boolean; subtree: boolean; within?: string }

const said = (query: URLSearchParams, name: string) => query.has(name) && !/^(0|false)$/i.test(query.get(name)!)

function ask(query: URLSearchParams): Ask {
  const text = (name: string) => query.get(name) || undefined
  const a: Ask = {
    user: text('user.id'), group: text('group.id'), role: text('role.id'), project: text('scope.project.id'), domain: text('scope.domain.id'), system: query.has('scope.system'),
    inherited: text('scope.OS-INHERIT:inherited_to') === 'projects', effective: said(query, 'effective'), subtree: said(query, 'include_subtree'),
  }
  if (a.user && a.group) throw invalid('Specify a user or a group, not both.')
  if (a.project && a.domain) throw invalid('Specify a domain or a project, not both.')
  if (a.effective && a.group) throw invalid('Specifying group and effective is not allowed: groups are expanded into their users.')
  if (a.effective && a.domain && a.inherited) throw invalid('Specifying a domain, effective and inherited_to is not allowed.')
  if (a.subtree && !a.project) throw invalid('scope.project.id must be specified if include_subtree is also specified.')
  return a
}

/**
 * The assignments as rows, with every name, in one statement. Effective ones are expanded there too: groups into users, inheritance into
 * projects, roles into what they imply. Filters apply as early as they can, so that cost follows the answer.
 */
function query(a: Ask) {
  const none = sql`1`
  const projects = a.project && (a.subtree ? sql`(select id from (with recursive sub (id) as (select ${a.project} union select p.id from project p join sub on p.parent_id = sub.id) select id from sub))` : sql`(select ${a.project})`)
  const who: SQL = a.user ? a.effective ? sql`((actor_kind = 'user' and actor = ${a.user}) or (actor_kind = 'group' and actor in (select group_id from membership where user_id = ${a.user})))` : sql`(actor_kind = 'user' and actor = ${a.user})`
    : a.group ? sql`(actor_kind = 'group' and actor = ${a.group})` : none
  const where: SQL = projects ? sql`((scope = 'project' and target in ${projects} ${a.effective ? sql`and inherited = 0` : sql``}) ${a.effective ? a.subtree ? sql`or inherited = 1` : sql`or (inherited = 1 and target in ${above(sql`${a.project}`)})` : sql``})`
    : a.domain ? sql`(scope = 'domain' and target = ${a.domain} ${a.effective ? sql`and inherited = 0` : sql``})` : a.system ? sql`(scope = 'system' and target = 'system')` : none
  const chosen = sql`select actor_kind, actor, scope, target, role, inherited from assignment where ${who} and ${where} and ${a.inherited ? sql`inherited = 1` : none} and ${a.role && !a.effective ? sql`role = ${a.role}` : none}`
  const expanded = a.effective ? sql`
    , imp (prior, implied) as (select id, id from role union select imp.prior, i.implied_role_id from imp join implied_role i on i.prior_role_id = imp.implied)
    , down (root, id) as (select c.target, p.id from chosen c join project p on p.parent_id = c.target where c.inherited = 1 union select down.root, p.id from down join project p on p.parent_id = down.id)
    , placed as (select c.*, c.target as at, c.scope as at_scope from chosen c where c.inherited = 0 union all select c.*, down.id, 'project' from chosen c join down on down.root = c.target where c.inherited = 1)
    , shown as (select distinct 'user' as actor_kind, coalesce(m.user_id, p.actor) as actor, p.at_scope as scope, p.at as target, imp.implied as role, p.inherited, case when p.actor_kind = 'group' then p.actor end as via_group,
        p.target as from_target, p.role as from_role, p.scope as from_scope
      from placed p join imp on imp.prior = p.role left join membership m on p.actor_kind = 'group' and m.group_id = p.actor
      where (p.actor_kind = 'user' or m.user_id is not null) and exists (select 1 from role where role.id = imp.implied and role.domain_id is null) and ${a.user ? sql`coalesce(m.user_id, p.actor) = ${a.user}` : none} and ${projects ? sql`p.at in ${projects}` : none} and ${a.role ? sql`imp.implied = ${a.role}` : none})`
    : sql`, shown as (select *, null as via_group, target as from_target, role as from_role, scope as from_scope from chosen)`
  return q.all<Row>(sql`with recursive chosen as (${chosen}) ${expanded}
    select s.*, coalesce(u.name, g.name) as actor_name, coalesce(u.domain_id, g.domain_id) as actor_domain, ad.name as actor_domain_name, t.name as target_name, t.domain_id as target_domain, td.name as target_domain_name,
      r.name as role_name, r.domain_id as role_domain, rd.name as role_domain_name
    from shown s left join user u on s.actor_kind = 'user' and u.id = s.actor left join user_group g on s.actor_kind = 'group' and g.id = s.actor left join project ad on ad.id = coalesce(u.domain_id, g.domain_id)
      left join project t on t.id = s.target left join project td on td.id = t.domain_id left join role r on r.id = s.role left join project rd on rd.id = r.domain_id
    where ${a.within ? sql`coalesce(t.domain_id, t.id) = ${a.within}` : none} order by s.actor, s.target, s.role limit 100000`)
}

function render(ctx: Ctx, r: Row, a: Ask, names: boolean) {
  const actor = { id: r.actor, ...(names && { name: r.actor_name, domain: { id: r.actor_domain, name: r.actor_domain_name } }) }
  const place = { id: r.target, ...(names && { name: r.target_name, ...(r.scope === 'project' && { domain: { id: r.target_domain, name: r.target_domain_name } }) }) }
  const inherited = r.inherited === 1
  const from = `${r.from_scope === 'system' ? 'system' : `${r.from_scope}s/${r.from_target}`}/${r.via_group ? `groups/${r.via_group}` : `${r.actor_kind}s/${r.actor}`}/roles/${r.from_role}`
  return {
    role: { id: r.role, ...(names && { name: r.role_name, ...(r.role_domain && { domain: { id: r.role_domain, name: r.role_domain_name } }) }) },
    [r.actor_kind]: actor,
    scope: { ...(r.scope === 'system' ? { system: { all: true } } : { [r.scope]: place }), ...(inherited && !a.effective && { 'OS-INHERIT:inherited_to': 'projects' }) },
    links: {
      assignment: `${base(ctx)}/${inherited ? `OS-INHERIT/${from}/inherited_to_projects` : from}`,
      ...(r.via_group && { membership: `${base(ctx)}/groups/${r.via_group}/users/${r.actor}` }), ...(r.from_role !== r.role && { prior_role: `${base(ctx)}/prior_role/${r.from_role}/implies/${r.role}` }),
    },
  }
}

export const list = endpoint({
  id: 'role_assignments.list', method: 'GET', path: '/role_assignments', status: 200, policy: 'identity:list_role_assignments', summary: 'List role assignments, as made or as they take effect',
  async handle(ctx, { query: given, url }) {
    const a = ask(given)
    if (!ctx.can('identity:list_role_assignments', {})) {
      // Who looks after one domain sees that; who administers one project sees what is below it.
      const own = ctx.caller.domain?.id
      if (own) a.within = own
      else if (!a.project || a.project !== ctx.caller.project?.id) throw forbidden('You are not authorized to perform the requested action: identity:list_role_assignments.')
    }
    const [rows] = await ctx.read(query(a))
    return listed(ctx, url, 'role_assignments', rows.map((r) => render(ctx, r, a, said(given, 'include_names'))))
  },
})
