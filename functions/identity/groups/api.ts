import { and, eq } from 'drizzle-orm'
import { group, membership, project, user } from '../../../schema/identity.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { homeDomain, listDomain } from '../domains/home.ts'
import { filters, listed, page, paged } from '../list.ts'
import { revoke } from '../revoke.ts'
import { endpoint } from '../service.ts'
import { userView } from '../users/model.ts'
import { extraOf, found, id, nameTo, text, wrapped } from '../wire.ts'
import { groupView, type Group } from './model.ts'
import { removeGroup } from './remove.ts'

onDuplicate('user_group.domain_id, user_group.name', () => conflict('Conflict occurred attempting to store group - Duplicate entry found with this name in the domain.'))
const fields = { name: nameTo(64), domain_id: id, description: text }
const one = (of: string) => q.select().from(group).where(eq(group.id, of))

export const list = endpoint({
  id: 'groups.list', method: 'GET', path: '/groups', status: 200, policy: 'identity:list_groups', summary: 'List groups',
  async handle(ctx, input) {
    const domain = listDomain(ctx, 'identity:list_groups', input.query)
    const query = paged(group, group.id, input, and(domain ? eq(group.domain, domain) : undefined, filters(input.query, { name: group.name })))
    const [rows] = await ctx.read(query.query)
    return page(ctx, input, 'groups', rows as Group[], query.limit, (g) => g.id, (g) => groupView(ctx, g))
  },
})

export const create = endpoint({
  id: 'groups.create', method: 'POST', path: '/groups', status: 201, policy: 'identity:create_group', summary: 'Create a group',
  body: { '3.0': wrapped('group', fields, ['name']) },
  async handle(ctx, { body }) {
    const given = body.group as Record<string, any>, domain = given.domain_id ?? homeDomain(ctx)
    const [[home]] = await ctx.read(q.select().from(project).where(and(eq(project.id, domain), eq(project.isDomain, true))))
    found(home, 'domain', domain)
    ctx.may('identity:create_group', { domain })
    const row: Group = { id: hex32(ctx.world), name: given.name.trim(), domain, description: given.description ?? '', extra: extraOf(given, Object.keys(fields)), directory: null, createdAt: ctx.now() }
    ctx.stage(q.insert(group).values(row))
    ctx.about(row.id)
    return { group: groupView(ctx, row) }
  },
})

export const show = endpoint({
  id: 'groups.show', method: 'GET', path: '/groups/{group}', status: 200, policy: 'identity:get_group', summary: 'Show a group',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.group))
    ctx.may('identity:get_group', { domain: row?.domain })
    return { group: groupView(ctx, found(row, 'group', params.group)) }
  },
})

export const update = endpoint({
  id: 'groups.update', method: 'PATCH', path: '/groups/{group}', status: 200, policy: 'identity:update_group', summary: 'Change a group',
  body: { '3.0': wrapped('group', fields) },
  async handle(ctx, { params, body }) {
    const given = body.group as Record<string, any>
    const [[row]] = await ctx.read(one(params.group))
    ctx.may('identity:update_group', { domain: row?.domain })
    found(row, 'group', params.group)
    if (given.domain_id !== undefined && given.domain_id !== row.domain) throw invalid('Cannot change Domain ID')
    const next = { ...row, name: given.name?.trim() ?? row.name, description: given.description === undefined ? row.description : given.description ?? '', extra: { ...row.extra, ...extraOf(given, Object.keys(fields)) } }
    ctx.stage(q.update(group).set(next).where(eq(group.id, row.id)), 'stale')
    return { group: groupView(ctx, next) }
  },
})

export const remove = endpoint({
  id: 'groups.delete', method: 'DELETE', path: '/groups/{group}', status: 204, policy: 'identity:delete_group', summary: 'Delete a group',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.group))
    ctx.may('identity:delete_group', { domain: row?.domain })
    removeGroup(ctx, found(row, 'group', params.group).id)
  },
})

export const users = endpoint({
  id: 'groups.users', method: 'GET', path: '/groups/{group}/users', status: 200, policy: 'identity:list_users_in_group', summary: "List a group's users",
  async handle(ctx, { params, url, query }) {
    const [[row], rows] = await ctx.read(one(params.group), q.select({ user }).from(membership).innerJoin(user, eq(user.id, membership.user))
      .where(and(eq(membership.group, params.group), filters(query, { name: user.name, enabled: user.enabled, domain_id: user.domain }))).orderBy(user.id))
    ctx.may('identity:list_users_in_group', { domain: row?.domain })
    found(row, 'group', params.group)
    return listed(ctx, url, 'users', rows.map((r) => userView(ctx, r.user)))
  },
})

type Member = { id: string; method: 'PUT' | 'GET' | 'HEAD' | 'DELETE'; policy: 'identity:add_user_to_group' | 'identity:check_user_in_group' | 'identity:remove_user_from_group'; summary: string }
const member = (d: Member) => endpoint({
  ...d, path: '/groups/{group}/users/{user}', status: 204,
  async handle(ctx, { params }) {
    const which = and(eq(membership.group, params.group), eq(membership.user, params.user))
    const [[g], [u], [there]] = await ctx.read(one(params.group), q.select().from(user).where(eq(user.id, params.user)), q.select().from(membership).where(which))
    ctx.may(d.policy, { domain: g?.domain })
    found(g, 'group', params.group)
    found(u, 'user', params.user)
    if (g.directory !== null && (d.method === 'PUT' || d.method === 'DELETE')) throw forbidden(`The group ${g.id} is kept in the directory of the domain: change it there.`)
    if (d.method === 'PUT') return ctx.stage(q.insert(membership).values({ group: g.id, user: u.id }).onConflictDoNothing())
    found(there, 'user', `${params.user} in group ${params.group}`)
    if (d.method !== 'DELETE') return
    ctx.stage(q.delete(membership).where(which), 'stale')
    revoke(ctx, `u:${u.id}`)
  },
})
export const members = [
  member({ id: 'groups.users.add', method: 'PUT', policy: 'identity:add_user_to_group', summary: 'Put a user into a group' }),
  member({ id: 'groups.users.show', method: 'GET', policy: 'identity:check_user_in_group', summary: 'Is a user in a group?' }),
  member({ id: 'groups.users.check', method: 'HEAD', policy: 'identity:check_user_in_group', summary: 'Is a user in a group?' }),
  member({ id: 'groups.users.remove', method: 'DELETE', policy: 'identity:remove_user_from_group', summary: 'Take a user out of a group' }),
]
