import { and, asc, eq, sql } from 'drizzle-orm'
import { customTrait, providerTrait } from '../../../schema/placement.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { bare, fresh, locate } from '../answer.ts'
import { traitsQuery } from '../known.ts'
import { known } from '../query.ts'
import { endpoint } from '../service.ts'
import { isCustom } from '../shapes.ts'
import { isStandardTrait, standardTraits } from './standard.ts'

const path = '/traits', at = `${path}/{name}`
const noTrait = (name: string) => notFound('trait', name, `No such trait(s): ${name}.`)

function filterOf(text: string | null): (name: string) => boolean {
  if (text === null) return () => true
  const m = /^(in|startswith):(.*)$/s.exec(text)
  if (!m) throw invalid(`Badly formatted name parameter: expected name=in:A,B or name=startswith:PREFIX. Got: ${text}`)
  const names = m[2].split(',')
  return m[1] === 'in' ? (name) => names.includes(name) : (name) => name.startsWith(m[2])
}
function truthOf(text: string | null): boolean | undefined {
  if (text === null) return undefined
  if (!/^(true|false)$/i.test(text)) throw invalid('The query parameter associated is true or false.')
  return text.toLowerCase() === 'true'
}

export default [
  endpoint({
    id: 'traits.list', method: 'GET', path, since: '1.6', status: 200, summary: 'List traits', policy: 'placement:traits:list',
    async handle(ctx, { query }) {
      known(query, (n) => n === 'name' || n === 'associated')
      const passes = filterOf(query.get('name')), associated = truthOf(query.get('associated'))
      const [custom, used] = await ctx.read(q.select().from(customTrait).orderBy(asc(customTrait.name)), q.selectDistinct({ trait: providerTrait.trait }).from(providerTrait))
      const held = new Set(used.map((u) => u.trait))
      fresh(ctx)
      return { traits: [...standardTraits, ...custom.map((c) => c.name)].filter((n) => passes(n) && (associated === undefined || held.has(n) === associated)) }
    },
  }),
  endpoint({
    id: 'traits.show', method: 'GET', path: at, since: '1.6', status: 204, summary: 'Whether a trait exists', policy: 'placement:traits:show',
    async handle(ctx, { params: { name } }) {
      const [found] = await ctx.read(traitsQuery([name]))
      if (!found.length && !isStandardTrait(name)) throw noTrait(name)
      fresh(ctx, found[0]?.createdAt)
    },
  }),
  endpoint({
    id: 'traits.ensure', method: 'PUT', path: at, since: '1.6', status: 201, summary: 'Create a trait unless it exists', policy: 'placement:traits:update',
    async handle(ctx, { params: { name } }) {
      if (!isCustom(name)) throw invalid(`The trait ${name} is invalid: it must begin with CUSTOM_ and have only the characters A-Z, 0-9 and _, at most 255.`)
      const [found] = await ctx.read(traitsQuery([name]))
      locate(ctx, `${path}/${name}`)
      fresh(ctx, found[0]?.createdAt)
      if (found.length) return bare(204)
      ctx.stage(q.insert(customTrait).values({ name, createdAt: ctx.now() }).onConflictDoNothing(), 'stale')
    },
  }),
  endpoint({
    id: 'traits.delete', method: 'DELETE', path: at, since: '1.6', status: 204, summary: 'Delete a trait', policy: 'placement:traits:delete',
    async handle(ctx, { params: { name } }) {
      const [found, [used]] = await ctx.read(traitsQuery([name]), q.select().from(providerTrait).where(eq(providerTrait.trait, name)).limit(1))
      if (isStandardTrait(name)) throw invalid(`Cannot delete standard trait ${name}.`)
      if (!found.length) throw noTrait(name)
      if (used) throw conflict(`The trait ${name} is in use by resource provider ${used.provider}.`)
      ctx.stage(q.delete(customTrait).where(and(eq(customTrait.name, name), sql`not exists (select 1 from ${providerTrait} where trait = ${name})`)), 'stale')
    },
  }),
]
