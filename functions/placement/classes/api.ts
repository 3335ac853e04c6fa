import { and, asc, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { allocation, customClass, inventory, providerUsage } from '../../../schema/placement.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { bare, fresh, locate } from '../answer.ts'
import { classesQuery } from '../known.ts'
import { endpoint } from '../service.ts'
import { closed, customName, isCustom } from '../shapes.ts'
import { standardClasses } from './standard.ts'

const path = '/resource_classes', at = `${path}/{name}`
const show = (name: string) => ({ name, links: [{ rel: 'self', href: `/placement/resource_classes/${name}` }] })
const noClass = (name: string) => notFound('resource class', name, `No such resource class ${name}.`)
const taken = (name: string) => conflict(`Conflicting resource class already exists: ${name}.`)
const named = t.Object({ name: customName }, closed)
/** A name may be used while no inventory has it. */
const unused = (name: string) => sql`not exists (select 1 from ${inventory} where class = ${name}) and not exists (select 1 from ${allocation} where class = ${name})`

export default [
  endpoint({
    id: 'resource_classes.list', method: 'GET', path, since: '1.2', status: 200, summary: 'List resource classes', policy: 'placement:resource_classes:list',
    async handle(ctx) {
      const [custom] = await ctx.read(q.select().from(customClass).orderBy(asc(customClass.createdAt), asc(customClass.name)))
      fresh(ctx)
      return { resource_classes: [...standardClasses, ...custom.map((c) => c.name)].map(show) }
    },
  }),
  endpoint({
    id: 'resource_classes.create', method: 'POST', path, since: '1.2', status: 201, summary: 'Create a resource class', policy: 'placement:resource_classes:create',
    body: { '1.2': named },
    async handle(ctx, { body: { name } }) {
      const [found] = await ctx.read(classesQuery([name]))
      if (found.length) throw taken(name)
      ctx.stage(q.insert(customClass).values({ name, createdAt: ctx.now() }).onConflictDoNothing(), 'stale')
      ctx.about(name)
      locate(ctx, `${path}/${name}`)
    },
  }),
  endpoint({
    id: 'resource_classes.show', method: 'GET', path: at, since: '1.2', status: 200, summary: 'Show a resource class', policy: 'placement:resource_classes:show',
    async handle(ctx, { params: { name } }) {
      const [found] = await ctx.read(classesQuery([name]))
      if (!found.length && !standardClasses.includes(name)) throw noClass(name)
      fresh(ctx, found[0]?.createdAt)
      return show(name)
    },
  }),
  endpoint({
    id: 'resource_classes.rename', method: 'PUT', path: at, since: '1.2', until: '1.6', status: 200, summary: 'Rename a resource class', policy: 'placement:resource_classes:update',
    body: { '1.2': named },
    async handle(ctx, { params: { name: old }, body: { name } }) {
      const [found, other] = await ctx.read(classesQuery([old]), classesQuery([name]))
      if (standardClasses.includes(old)) throw invalid(`Cannot update standard resource class ${old}.`)
      if (!found.length) throw noClass(old)
      if (name !== old && other.length) throw taken(name)
      ctx.stage(q.update(customClass).set({ name }).where(eq(customClass.name, old)), 'stale')
      for (const table of [inventory, allocation, providerUsage]) ctx.stage(q.update(table).set({ class: name }).where(eq(table.class, old)))
      return show(name)
    },
  }),
  endpoint({
    id: 'resource_classes.ensure', method: 'PUT', path: at, since: '1.7', status: 201, summary: 'Create a resource class unless it exists', policy: 'placement:resource_classes:update',
    async handle(ctx, { params: { name } }) {
      if (!isCustom(name)) throw invalid(`Invalid resource class name ${name}: it must begin with CUSTOM_ and have only the characters A-Z, 0-9 and _, at most 255.`)
      const [found] = await ctx.read(classesQuery([name]))
      locate(ctx, `${path}/${name}`)
      if (found.length) return bare(204)
      ctx.stage(q.insert(customClass).values({ name, createdAt: ctx.now() }).onConflictDoNothing(), 'stale')
    },
  }),
  endpoint({
    id: 'resource_classes.delete', method: 'DELETE', path: at, since: '1.2', status: 204, summary: 'Delete a resource class', policy: 'placement:resource_classes:delete',
    async handle(ctx, { params: { name } }) {
      const [found, [used]] = await ctx.read(classesQuery([name]), q.select({ provider: inventory.provider }).from(inventory).where(eq(inventory.class, name)).limit(1))
      if (standardClasses.includes(name)) throw invalid(`Error in delete resource class: ${name} is a standard one.`)
      if (!found.length) throw noClass(name)
      if (used) throw conflict(`Error in delete resource class: provider ${used.provider} has inventory of ${name}.`)
      ctx.stage(q.delete(customClass).where(and(eq(customClass.name, name), unused(name))), 'stale')
      ctx.stage(q.delete(providerUsage).where(eq(providerUsage.class, name)))
    },
  }),
]
