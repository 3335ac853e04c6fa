import { and, asc, eq, inArray, notInArray, sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { provider, providerAggregate, providerTrait } from '../../../schema/placement.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { fresh, latest } from '../answer.ts'
import { checkClasses, checkTraits, classesQuery, traitsQuery } from '../known.ts'
import { amounts, known, memberships, traitNames, traits, tree, type Amounts, type Wanted } from '../query.ts'
import { endpoint } from '../service.ts'
import { fits, stock } from './fits.ts'
import { columns } from './read.ts'
import { providerView } from './view.ts'

const since: Record<string, number> = { name: 1000, uuid: 1000, member_of: 1003, resources: 1004, in_tree: 1014, required: 1018 }

const holders = (w: Wanted, of: { provider: SQLiteColumn; what: SQLiteColumn }): SQL[] => {
  const of_ = (names: Set<string>) => q.select({ provider: of.provider }).from(of.provider.table as typeof providerTrait).where(inArray(of.what, [...names]))
  return [...w.required.map((names) => inArray(provider.id, of_(names))), ...(w.forbidden.size ? [notInArray(provider.id, of_(w.forbidden))] : [])]
}
const withRoom = (wanted: Amounts) => [...wanted].map(([name, amount]) => sql`exists (select 1 from ${stock} where i.provider = ${provider.id} and i.class = ${name} and ${fits(amount)})`)

export default endpoint({
  id: 'resource_providers.list', method: 'GET', path: '/resource_providers', status: 200, summary: 'List resource providers', policy: 'placement:resource_providers:list',
  async handle(ctx, { query }) {
    known(query, (name) => ctx.version >= since[name])
    if (query.get('resources') === '') throw invalid('Badly formed resources parameter: it is empty.')
    const room = query.has('resources') ? amounts(query.get('resources')!) : new Map<string, number>()
    const wanted = traits(query.getAll('required'), ctx.version), member = memberships(query.getAll('member_of'), ctx.version)
    const name = query.get('name'), id = query.get('uuid'), within = query.get('in_tree')
    const where = and(
      name === null ? undefined : eq(provider.name, name),
      id === null ? undefined : eq(provider.id, tree(id, 'uuid')),
      within === null ? undefined : sql`${provider.root} = (select root from ${provider} where id = ${tree(within)})`,
      ...withRoom(room),
      ...holders(wanted, { provider: providerTrait.provider, what: providerTrait.trait }),
      ...holders(member, { provider: providerAggregate.provider, what: providerAggregate.aggregate }),
    )
    const [rows, customClasses, customTraits] = await ctx.read(
      q.select(columns).from(provider).where(where).orderBy(asc(provider.createdAt), asc(provider.id)), classesQuery(room.keys()), traitsQuery(traitNames(wanted)))
    checkClasses(room.keys(), customClasses)
    checkTraits(traitNames(wanted), customTraits)
    fresh(ctx, latest(ctx, rows))
    return { resource_providers: rows.map(providerView.at(ctx.version)) }
  },
})
