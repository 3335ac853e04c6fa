import { and, eq, isNull, sql } from 'drizzle-orm'
import { role } from '../../../schema/identity.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { bump } from '../directory.ts'
import { filters, page, paged } from '../list.ts'
import { one as projectOne } from '../projects/verbs.ts'
import { endpoint } from '../service.ts'
import { extraOf, found, idOrNull, mergeOptions, mutable, nameTo, object, text, wrapped } from '../wire.ts'
import { roleView, type Role } from './model.ts'
import { forgetRoles } from './remove.ts'

const taken = () => conflict('Conflict occurred attempting to store role - Duplicate entry found with this name.')
onDuplicate('role.name', taken)
onDuplicate('role.domain_id, role.name', taken)
const fields = { name: nameTo(255), domain_id: idOrNull, description: text, options: object }
export const one = (id: string) => q.select().from(role).where(eq(role.id, id))

export const list = endpoint({
  id: 'roles.list', method: 'GET', path: '/roles', status: 200, policy: 'identity:list_roles', summary: 'List roles',
  async handle(ctx, input) {
    const domain = input.query.get('domain_id')
    const query = paged(role, role.id, input, and(domain ? eq(role.domain, domain) : isNull(role.domain), filters(input.query, { name: role.name })))
    const [rows] = await ctx.read(query.query)
    return page(ctx, input, 'roles', rows as Role[], query.limit, (r) => r.id, (r) => roleView(ctx, r))
  },
})

export const create = endpoint({
  id: 'roles.create', method: 'POST', path: '/roles', status: 201, policy: 'identity:create_role', summary: 'Create a role',
  body: { '3.0': wrapped('role', fields, ['name']) },
  async handle(ctx, { body }) {
    const given = body.role as Record<string, any>
    if (given.domain_id) {
      const [[home]] = await ctx.read(projectOne(given.domain_id))
      found(home?.isDomain ? home : undefined, 'domain', given.domain_id)
    }
    const row: Role = { id: hex32(ctx.world), name: given.name.trim(), domain: given.domain_id ?? null, description: given.description ?? null, options: mergeOptions({}, given.options), extra: extraOf(given, Object.keys(fields)), createdAt: ctx.now() }
    ctx.stage(q.insert(role).values(row))
    bump(ctx)
    ctx.about(row.id)
    return { role: roleView(ctx, row) }
  },
})

export const show = endpoint({
  id: 'roles.show', method: 'GET', path: '/roles/{role}', status: 200, policy: 'identity:get_role', summary: 'Show a role',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.role))
    return { role: roleView(ctx, found(row, 'role', params.role)) }
  },
})

export const update = endpoint({
  id: 'roles.update', method: 'PATCH', path: '/roles/{role}', status: 200, policy: 'identity:update_role', summary: 'Change a role',
  body: { '3.0': wrapped('role', fields) },
  async handle(ctx, { params, body }) {
    const given = body.role as Record<string, any>
    const [[row]] = await ctx.read(one(params.role))
    found(row, 'role', params.role)
    mutable('role', row, given)
    if (given.domain_id !== undefined && given.domain_id !== row.domain) throw invalid('Cannot change Domain ID')
    const next: Role = { ...row, name: given.name?.trim() ?? row.name, description: given.description === undefined ? row.description : given.description, options: mergeOptions(row.options, given.options), extra: { ...row.extra, ...extraOf(given, Object.keys(fields)) } }
    ctx.stage(q.update(role).set(next).where(eq(role.id, row.id)), 'stale')
    bump(ctx)
    return { role: roleView(ctx, next) }
  },
})

export const remove = endpoint({
  id: 'roles.delete', method: 'DELETE', path: '/roles/{role}', status: 204, policy: 'identity:delete_role', summary: 'Delete a role',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(one(params.role))
    mutable('role', found(row, 'role', params.role))
    forgetRoles(ctx, sql`(${row.id})`)
    ctx.stage(q.delete(role).where(eq(role.id, row.id)), 'stale')
    bump(ctx)
  },
})
