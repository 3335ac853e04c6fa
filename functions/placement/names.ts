import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { allocation, customClass, customTrait, inventory, providerTrait } from '../../schema/placement.ts'
import { check } from '../kernel/body.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { badValue, closed, customs, fresh, v } from './model.ts'
import { endpoint } from './service.ts'
import { standardClasses, standardTraits } from './standard.ts'

/** Resource classes and traits: the standard ones, and those an operator has made up. */
const custom = t.String({ minLength: 1, maxLength: 255, pattern: '^CUSTOM_[A-Z0-9_]+$' })
const exists = (name: string) => conflict(`Conflicting resource class already exists: ${name}`)
onDuplicate('custom_class.name', () => exists('by another request'))
const classView = (name: string) => ({ name, links: [{ rel: 'self', href: `/placement/resource_classes/${name}` }] })
const noClass = (name: string) => notFound('resource class', name, `No such resource class ${name}.`)
const classes = async (ctx: Ctx) => [...standardClasses, ...(await ctx.read(customs()[0]))[0].map((c) => c.name)]

async function trait(ctx: Ctx, name: string) {
  const [, names] = await ctx.read(...customs())
  return standardTraits.has(name) ? 'standard' : names.some((n) => n.name === name) ? 'custom' : undefined
}
const noTrait = (name: string) => notFound('trait', name, `No such trait(s): ${name}.`)

export default [
  endpoint({ id: 'classes.list', method: 'GET', path: '/resource_classes', since: '1.2', status: 200, summary: 'List resource classes', policy: 'placement:resource_classes:list', async handle(ctx) { const list = await classes(ctx); fresh(ctx); return { resource_classes: list.map(classView) } } }),
  endpoint({
    id: 'classes.create', method: 'POST', path: '/resource_classes', since: '1.2', status: 201, summary: 'Make up a resource class', policy: 'placement:resource_classes:create', body: { '1.2': t.Object({ name: custom }, closed) },
    async handle(ctx, { body }) {
      if ((await classes(ctx)).includes(body.name)) throw exists(body.name)
      ctx.stage(q.insert(customClass).values({ name: body.name, createdAt: ctx.now() }))
      ctx.headers.set('location', `${ctx.origin}/placement/resource_classes/${body.name}`)
    },
  }),
  endpoint({
    id: 'classes.show', method: 'GET', path: '/resource_classes/{name}', since: '1.2', status: 200, summary: 'Show a resource class', policy: 'placement:resource_classes:show',
    async handle(ctx, { params }) {
      if (!(await classes(ctx)).includes(params.name)) throw noClass(params.name)
      fresh(ctx)
      return classView(params.name)
    },
  }),
  endpoint({
    id: 'classes.rename', method: 'PUT', path: '/resource_classes/{name}', since: '1.2', until: '1.6', status: 200, summary: 'Rename a resource class', policy: 'placement:resource_classes:update', body: { '1.2': t.Object({ name: custom }, closed) },
    async handle(ctx, { params, body }) {
      const list = await classes(ctx)
      if (!list.includes(params.name)) throw noClass(params.name)
      if (standardClasses.includes(params.name)) throw invalid(`Cannot update standard resource class ${params.name}`)
      if (list.includes(body.name)) throw exists(body.name)
      ctx.stage(q.update(customClass).set({ name: body.name }).where(eq(customClass.name, params.name)), 'stale')
      for (const table of [inventory, allocation]) ctx.stage(q.run(sql`update ${table} set class = ${body.name} where class = ${params.name}`))
      return classView(body.name)
    },
  }),
  endpoint({
    id: 'classes.ensure', method: 'PUT', path: '/resource_classes/{name}', since: '1.7', status: 201, summary: 'See to it that a resource class exists', policy: 'placement:resource_classes:update',
    async handle(ctx, { params }) {
      check(custom, params.name)
      const there = (await classes(ctx)).includes(params.name)
      ctx.headers.set('location', `${ctx.origin}/placement/resource_classes/${params.name}`)
      if (there) return new Response(null, { status: 204 })
      ctx.stage(q.insert(customClass).values({ name: params.name, createdAt: ctx.now() }).onConflictDoNothing())
    },
  }),
  endpoint({
    id: 'classes.delete', method: 'DELETE', path: '/resource_classes/{name}', since: '1.2', status: 204, summary: 'Delete a resource class nobody has', policy: 'placement:resource_classes:delete',
    async handle(ctx, { params }) {
      if (standardClasses.includes(params.name)) throw invalid(`Error in delete resource class: Cannot delete standard resource class ${params.name}.`)
      if (!(await classes(ctx)).includes(params.name)) throw noClass(params.name)
      const [[used]] = await ctx.read(q.select().from(inventory).where(eq(inventory.class, params.name)).limit(1))
      if (used) throw conflict(`Error in delete resource class: Resource class '${params.name}' in use in inventory.`)
      ctx.stage(q.delete(customClass).where(sql`${customClass.name} = ${params.name} and not exists (select 1 from ${inventory} i where i.class = ${params.name})`), 'stale')
    },
  }),
  endpoint({
    id: 'traits.list', method: 'GET', path: '/traits', since: '1.6', status: 200, summary: 'List traits', policy: 'placement:traits:list',
    async handle(ctx, { query }) {
      for (const key of query.keys()) if (key !== 'name' && key !== 'associated') throw badValue(`Invalid query string parameters: Additional properties are not allowed ('${key}' was unexpected)`)
      const [[, names], used] = [await ctx.read(...customs()), query.has('associated') ? new Set((await ctx.read(q.selectDistinct({ trait: providerTrait.trait }).from(providerTrait)))[0].map((x) => x.trait)) : undefined]
      let list = [...standardTraits, ...names.map((n) => n.name)]
      const asked = query.get('name'), associated = query.get('associated')
      if (associated !== null && !/^(true|false|1|0|on|off|yes|no|t|f|y|n)$/i.test(associated)) throw badValue(`The query parameter 'associated' only accepts 'true' or 'false'. Got: ${associated}`)
      if (asked?.startsWith('startswith:')) list = list.filter((n) => n.startsWith(asked.slice(11)))
      else if (asked?.startsWith('in:')) list = list.filter((n) => asked.slice(3).split(',').includes(n))
      else if (asked !== null && asked !== undefined) throw badValue(`Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "${asked}"`)
      if (used) list = list.filter((n) => used.has(n) === /^(true|1|on|yes|t|y)$/i.test(associated!))
      fresh(ctx)
      return { traits: list.sort() }
    },
  }),
  endpoint({
    id: 'traits.show', method: 'GET', path: '/traits/{name}', since: '1.6', status: 204, summary: 'Whether a trait exists', policy: 'placement:traits:show',
    async handle(ctx, { params }) {
      if (!await trait(ctx, params.name)) throw noTrait(params.name)
      fresh(ctx)
    },
  }),
  endpoint({
    id: 'traits.ensure', method: 'PUT', path: '/traits/{name}', since: '1.6', status: 201, summary: 'See to it that a trait exists', policy: 'placement:traits:update',
    async handle(ctx, { params }) {
      if (!/^CUSTOM_[A-Z0-9_]+$/.test(params.name) || params.name.length > 255) throw invalid(`The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"`)
      const there = await trait(ctx, params.name)
      ctx.headers.set('location', `${ctx.origin}/placement/traits/${params.name}`)
      fresh(ctx)
      if (there) return new Response(null, { status: 204 })
      ctx.stage(q.insert(customTrait).values({ name: params.name, createdAt: ctx.now() }).onConflictDoNothing())
    },
  }),
  endpoint({
    id: 'traits.delete', method: 'DELETE', path: '/traits/{name}', since: '1.6', status: 204, summary: 'Delete a trait nobody has', policy: 'placement:traits:delete',
    async handle(ctx, { params }) {
      const kind = await trait(ctx, params.name)
      if (!kind) throw noTrait(params.name)
      if (kind === 'standard') throw invalid(`Cannot delete standard trait ${params.name}.`)
      const [[used]] = await ctx.read(q.select().from(providerTrait).where(eq(providerTrait.trait, params.name)).limit(1))
      if (used) throw conflict(`The trait ${params.name} is in use by a resource provider.`)
      ctx.stage(q.delete(customTrait).where(sql`${customTrait.name} = ${params.name} and not exists (select 1 from ${providerTrait} x where x.trait = ${params.name})`), 'stale')
    },
  }),
]
