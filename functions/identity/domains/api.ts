import { and, eq, sql } from 'drizzle-orm'
import { domainConfig, project, role } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { conflict, forbidden } from '../../kernel/fault.ts'
import { hex32 } from '../../kernel/env.ts'
import { filters, page, paged } from '../list.ts'
import { bump } from '../directory.ts'
import { removeGroup } from '../groups/remove.ts'
import type { Project } from '../projects/model.ts'
import { alongside, counts, defaultGroups, stillOwned } from '../projects/owned.ts'
import { remover, removeGiven } from '../projects/remover.ts'
import { forgetProjects, one, updateProject } from '../projects/verbs.ts'
import { revoke } from '../revoke.ts'
import { forgetRoles } from '../roles/remove.ts'
import { endpoint } from '../service.ts'
import { removeUser } from '../users/remove.ts'
import { extraOf, flag, found, mergeOptions, mutable, nameTo, object, text, wrapped } from '../wire.ts'
import { domainView } from './model.ts'

const fields = { name: nameTo(64), enabled: flag, description: text, options: object }

export const list = endpoint({
  id: 'domains.list', method: 'GET', path: '/domains', status: 200, policy: 'identity:list_domains', summary: 'List domains',
  async handle(ctx, input) {
    const query = paged(project, project.id, input, and(eq(project.isDomain, true), filters(input.query, { name: project.name, enabled: project.enabled })))
    const [rows] = await ctx.read(query.query)
    return page(ctx, input, 'domains', rows as Project[], query.limit, (d) => d.id, (d) => domainView(ctx, d))
  },
})

export const create = endpoint({
  id: 'domains.create', method: 'POST', path: '/domains', status: 201, policy: 'identity:create_domain', summary: 'Create a domain',
  body: { '3.0': wrapped('domain', fields, ['name']) },
  handle(ctx, { body }) {
    const given = body.domain as Record<string, any>
    const row: Project = {
      id: hex32(ctx.world), name: given.name.trim(), domain: null, parent: null, isDomain: true, enabled: given.enabled ?? true, description: given.description ?? '',
      tags: [], options: mergeOptions({}, given.options), extra: extraOf(given, [...Object.keys(fields), 'tags', 'explicit_domain_id']), createdAt: ctx.now(),
    }
    ctx.stage(q.insert(project).values(row))
    ctx.about(row.id)
    return { domain: domainView(ctx, row) }
  },
})

export const show = endpoint({
  id: 'domains.show', method: 'GET', path: '/domains/{domain}', status: 200, policy: 'identity:get_domain', summary: 'Show a domain',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.domain))
    ctx.may('identity:get_domain', { domain: params.domain, project: ctx.caller.project?.domain.id === params.domain ? ctx.caller.project.id : undefined })
    return { domain: domainView(ctx, found(row?.isDomain ? row : undefined, 'domain', params.domain)) }
  },
})

export const update = endpoint({
  id: 'domains.update', method: 'PATCH', path: '/domains/{domain}', status: 200, policy: 'identity:update_domain', summary: 'Change a domain',
  body: { '3.0': wrapped('domain', fields) },
  async handle(ctx, { params, body }) { return { domain: domainView(ctx, await updateProject(ctx, params.domain, body.domain as Record<string, any>, 'domain')) } },
})

/** A domain goes with its users, groups, roles and projects, in one batch; it must have been disabled before. */
export const remove = endpoint({
  id: 'domains.delete', method: 'DELETE', path: '/domains/{domain}', status: 204, policy: 'identity:delete_domain', summary: 'Delete a domain and what is in it',
  async handle(ctx, { params }) {
    const id = params.domain
    const inside = sql`(select id from project where domain_id = ${id})`
    const [[row], things, given, groups] = await ctx.read(one(id), q.all<{ kind: string; n: number }>(counts(inside)), q.all<{ kind: string; project: string }>(alongside(inside)), q.all<{ id: string; project: string }>(defaultGroups(inside)))
    found(row?.isDomain ? row : undefined, 'domain', id)
    mutable('domain', row)
    if (id === 'default') throw forbidden('The default domain cannot be deleted.')
    if (row.enabled) throw forbidden('Cannot delete a domain that is enabled, please disable it first.')
    const left = stillOwned(things, groups.length)
    if (left) throw conflict(`Projects of domain ${id} still own ${left}. Delete those first: each project's inventory lists what it has, and its purge removes it.`)
    for (const of of new Set([...given, ...groups].map((g) => g.project))) {
      const at = { id: of, name: '', domain: { id, name: row.name } }
      await removeGiven(ctx, await remover(ctx, ctx.caller.user, at), given.filter((g) => g.project === of), groups.filter((g) => g.project === of))
    }
    revoke(ctx, `d:${id}`)
    removeUser(ctx, sql`(select id from user where domain_id = ${id})`)
    removeGroup(ctx, sql`(select id from user_group where domain_id = ${id})`)
    forgetProjects(ctx, sql`(select id from project where domain_id = ${id} or id = ${id})`)
    forgetRoles(ctx, sql`(select id from role where domain_id = ${id})`)
    ctx.stage(q.delete(role).where(eq(role.domain, id)))
    ctx.stage(q.delete(domainConfig).where(eq(domainConfig.domain, id)))
    ctx.stage(q.delete(project).where(eq(project.domain, id)))
    ctx.stage(q.delete(project).where(and(eq(project.id, id), eq(project.enabled, false))), 'stale')
    bump(ctx)
  },
})
