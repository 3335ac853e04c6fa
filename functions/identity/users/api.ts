import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { group, membership, project, user } from '../../../schema/identity.ts'
import { q, onDuplicate } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { guessesQuery, locked, right, sourceOf, turnAway, wrong } from '../guesses.ts'
import { filters, listed, page, paged } from '../list.ts'
import { checkPassword, hashPassword, MAX_PASSWORD } from '../passwords.ts'
import { groupView } from '../groups/model.ts'
import { directoryQuery, learn } from '../directory.ts'
import { homeDomain, listDomain } from '../domains/home.ts'
import { projectView } from '../projects/model.ts'
import { revoke } from '../revoke.ts'
import { checkHistory, checkRules, formerQuery, renewed, unused } from '../security.ts'
import { endpoint } from '../service.ts'
import { projectsOf } from '../tokens/scopes.ts'
import { refused } from '../tokens/request.ts'
import { extraOf, flag, found, id, idOrNull, mergeOptions, nameTo, nullable, object, wrapped } from '../wire.ts'
import { userView, type User } from './model.ts'
import { removeUser } from './remove.ts'

onDuplicate('user.domain_id, user.name', () => conflict('Conflict occurred attempting to store user - Duplicate entry found with this name in the domain.'))

const secret = nullable(t.String({ maxLength: MAX_PASSWORD }))
const fields = { name: nameTo(255), domain_id: id, enabled: flag, password: secret, default_project_id: idOrNull, options: object, description: nullable(t.String({ maxLength: 65_535 })), email: nullable(t.String({ maxLength: 1024 })) }
const KNOWN = ['name', 'domain_id', 'enabled', 'password', 'default_project_id', 'options', 'password_expires_at', 'federated']
const one = (of: string) => q.select().from(user).where(eq(user.id, of))

export const list = endpoint({
  id: 'users.list', method: 'GET', path: '/users', status: 200, policy: 'identity:list_users', summary: 'List users',
  async handle(ctx, input) {
    const domain = listDomain(ctx, 'identity:list_users', input.query)
    const query = paged(user, user.id, input, and(domain ? eq(user.domain, domain) : undefined, filters(input.query, { name: user.name, enabled: user.enabled, default_project_id: user.defaultProject, password_expires_at: user.passwordExpiresAt })))
    const [rows] = await ctx.read(query.query)
    return page(ctx, input, 'users', rows as User[], query.limit, (u) => u.id, (u) => userView(ctx, u))
  },
})

export const create = endpoint({
  id: 'users.create', method: 'POST', path: '/users', status: 201, policy: 'identity:create_user', summary: 'Create a user',
  body: { '3.0': wrapped('user', fields, ['name']) },
  async handle(ctx, { body }) {
    const given = body.user as Record<string, any>
    const domain = given.domain_id ?? homeDomain(ctx)
    const [[home]] = await ctx.read(q.select().from(project).where(and(eq(project.id, domain), eq(project.isDomain, true))))
    found(home, 'domain', domain)
    ctx.may('identity:create_user', { domain })
    const row: User = {
      id: hex32(ctx.world), name: given.name.trim(), domain, enabled: given.enabled ?? true, password: given.password == null ? null : await hashPassword(ctx.world, given.password),
      passwordExpiresAt: null, passwordAt: null, activeAt: null, directory: null, defaultProject: given.default_project_id ?? null, options: mergeOptions({}, given.options), extra: extraOf(given, KNOWN), createdAt: ctx.now(),
    }
    if (given.password != null) { checkRules(ctx, given.password); Object.assign(row, renewed(ctx, { ...row, password: null }, false)) }
    ctx.stage(q.insert(user).values(row))
    ctx.about(row.id)
    return { user: userView(ctx, row) }
  },
})

export const show = endpoint({
  id: 'users.show', method: 'GET', path: '/users/{user}', status: 200, policy: 'identity:get_user', summary: 'Show a user',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.user))
    ctx.may('identity:get_user', { user: params.user, domain: row?.domain })
    return { user: userView(ctx, found(row, 'user', params.user)) }
  },
})

export const update = endpoint({
  id: 'users.update', method: 'PATCH', path: '/users/{user}', status: 200, policy: 'identity:update_user', summary: 'Change a user',
  body: { '3.0': wrapped('user', fields) },
  async handle(ctx, { params, body }) {
    const given = body.user as Record<string, any>
    const [[row]] = await ctx.read(one(params.user))
    ctx.may('identity:update_user', { user: params.user, domain: row?.domain })
    found(row, 'user', params.user)
    if (given.domain_id !== undefined && given.domain_id !== row.domain) throw invalid('Cannot change Domain ID')
    if (row.directory !== null && ['name', 'password', 'enabled'].some((k) => given[k] !== undefined)) throw forbidden(`The user ${row.id} is kept in the directory of the domain: change it there.`)
    const change: Partial<User> = { extra: { ...row.extra, ...extraOf(given, KNOWN) } }
    if (given.name !== undefined) change.name = given.name.trim()
    if (given.enabled !== undefined) change.enabled = given.enabled
    if (given.default_project_id !== undefined) change.defaultProject = given.default_project_id
    if (given.options !== undefined) change.options = mergeOptions(row.options, given.options)
    if (given.password != null) { checkRules(ctx, given.password); Object.assign(change, renewed(ctx, { ...row, ...change }, false)) }
    if (given.password !== undefined) change.password = given.password === null ? null : await hashPassword(ctx.world, given.password)
    if (given.enabled === true && unused(ctx, row)) change.activeAt = ctx.now()
    ctx.stage(q.update(user).set(change).where(eq(user.id, row.id)), 'stale')
    if (given.password !== undefined || given.enabled === false) revoke(ctx, `u:${row.id}`)
    return { user: userView(ctx, { ...row, ...change }) }
  },
})

/** By the user, who proves it with the old password; no token is asked for, since an expired password gets none. */
export const changePassword = endpoint({
  id: 'users.password', method: 'POST', path: '/users/{user}/password', status: 204, policy: 'public', summary: 'Change a password, knowing the old one',
  body: { '3.0': wrapped('user', { original_password: t.String({ maxLength: MAX_PASSWORD }), password: t.String({ minLength: 1, maxLength: MAX_PASSWORD }) }, ['original_password', 'password']) },
  async handle(ctx, { params, body, request }) {
    const given = body.user as Record<string, string>, source = sourceOf(ctx, request)
    const [[row], guesses, former, small] = await ctx.read(one(params.user), guessesQuery(sql`${params.user}`, source), formerQuery(params.user), directoryQuery(ctx.env.LIBSQL_URL))
    turnAway(ctx, guesses, source)
    const good = await checkPassword(given.original_password, row?.password, learn(ctx.env.LIBSQL_URL, small).hashes), shut = row !== undefined && locked(ctx, guesses, row)
    if (!good || shut) await wrong(ctx, row, shut, source)
    if (!good || shut || !row.enabled) throw refused()
    if (row.options.lock_password === true) throw forbidden('You cannot change your password at this time due to password policy: it is locked.')
    checkRules(ctx, given.password)
    await checkHistory(ctx, row, given.password, former)
    ctx.stage(q.update(user).set({ password: await hashPassword(ctx.world, given.password), ...renewed(ctx, row, true) }).where(and(eq(user.id, row.id), eq(user.password, row.password!))), 'stale')
    right(ctx, guesses, row)
    revoke(ctx, `u:${row.id}`)
  },
})

export const remove = endpoint({
  id: 'users.delete', method: 'DELETE', path: '/users/{user}', status: 204, policy: 'identity:delete_user', summary: 'Delete a user',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.user))
    ctx.may('identity:delete_user', { user: params.user, domain: row?.domain })
    found(row, 'user', params.user)
    removeUser(ctx, row.id)
  },
})

export const groups = endpoint({
  id: 'users.groups', method: 'GET', path: '/users/{user}/groups', status: 200, policy: 'identity:list_groups_for_user', summary: "List a user's groups",
  async handle(ctx, { params, url, query }) {
    const [[row], rows] = await ctx.read(one(params.user),
      q.select({ group }).from(membership).innerJoin(group, eq(group.id, membership.group)).where(and(eq(membership.user, params.user), filters(query, { name: group.name }))).orderBy(group.id))
    ctx.may('identity:list_groups_for_user', { user: params.user, domain: row?.domain })
    found(row, 'user', params.user)
    return listed(ctx, url, 'groups', rows.map((r) => groupView(ctx, r.group)))
  },
})

export const projects = endpoint({
  id: 'users.projects', method: 'GET', path: '/users/{user}/projects', status: 200, policy: 'identity:list_user_projects', summary: 'List the projects a user has roles on',
  async handle(ctx, { params, url, query }) {
    const [[row], rows] = await ctx.read(one(params.user), projectsOf(params.user, and(sql`1`, filters(query, { name: project.name, domain_id: project.domain, parent_id: project.parent }))!))
    ctx.may('identity:list_user_projects', { user: params.user, domain: row?.domain })
    found(row, 'user', params.user)
    return listed(ctx, url, 'projects', rows.map((p) => projectView(ctx, p)))
  },
})
