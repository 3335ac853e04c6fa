import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { inventory, provider, providerAggregate, providerTrait, providerUsage } from '../../../schema/placement.ts'
import { q } from '../../kernel/db.ts'
import { capacity } from '../inventories/shape.ts'
import { SHARES } from '../traits/standard.ts'

export interface Stock { capacity: number; used: number; minUnit: number; maxUnit: number; stepSize: number }
export interface Node { id: string; parent: string | null; root: string; stock: Map<string, Stock>; traits: Set<string>; aggregates: Set<string> }
/** The trees by their roots, oldest first, and who lends to trees he shares an aggregate with. */
export interface Forest { trees: Map<string, Node[]>; nodes: Map<string, Node>; lenders: Node[] }

/** Trees that have any of the classes, and those that providers of other trees lend to. */
export function forestQueries(classes: string[]) {
  const shared = q.select({ aggregate: providerAggregate.aggregate }).from(providerAggregate).innerJoin(providerTrait, and(eq(providerTrait.provider, providerAggregate.provider), eq(providerTrait.trait, SHARES)))
  const roots = q.select({ root: provider.root }).from(provider).innerJoin(inventory, and(eq(inventory.provider, provider.id), inArray(inventory.class, classes)))
    .union(q.select({ root: provider.root }).from(provider).innerJoin(providerAggregate, and(eq(providerAggregate.provider, provider.id), inArray(providerAggregate.aggregate, shared))))
  const ids = sql`(select id from ${provider} where root in ${roots})`
  return [
    q.select({ id: provider.id, parent: provider.parent, root: provider.root }).from(provider).where(sql`${provider.root} in ${roots}`).orderBy(asc(provider.createdAt), asc(provider.id)),
    q.select({ inventory, used: sql<number>`coalesce(${providerUsage.used}, 0)` }).from(inventory).leftJoin(providerUsage, and(eq(providerUsage.provider, inventory.provider), eq(providerUsage.class, inventory.class))).where(sql`${inventory.provider} in ${ids}`).orderBy(asc(inventory.class)),
    q.select().from(providerTrait).where(sql`${providerTrait.provider} in ${ids}`).orderBy(asc(providerTrait.trait)),
    q.select().from(providerAggregate).where(sql`${providerAggregate.provider} in ${ids}`),
  ] as const
}
type Rows<T> = T extends PromiseLike<infer R> ? R : never
type Found = ReturnType<typeof forestQueries>

export function forestOf([providers, inventories, traits, aggregates]: [Rows<Found[0]>, Rows<Found[1]>, Rows<Found[2]>, Rows<Found[3]>]): Forest {
  const nodes = new Map(providers.map((p): [string, Node] => [p.id, { ...p, stock: new Map(), traits: new Set(), aggregates: new Set() }]))
  for (const { inventory: i, used } of inventories) nodes.get(i.provider)?.stock.set(i.class, { capacity: capacity(i), used, minUnit: i.minUnit, maxUnit: i.maxUnit, stepSize: i.stepSize })
  for (const t of traits) nodes.get(t.provider)?.traits.add(t.trait)
  for (const a of aggregates) nodes.get(a.provider)?.aggregates.add(a.aggregate)
  const list = [...nodes.values()]
  return { trees: Map.groupBy(list, (n) => n.root), nodes, lenders: list.filter((n) => n.traits.has(SHARES)) }
}

export const meets = (has: Set<string>, any: Set<string>) => [...any].some((x) => has.has(x))
/** A tree with those who lend to it. */
export function reach(tree: Node[], { lenders }: Forest): Node[] {
  const root = tree[0].root, around = new Set(tree.flatMap((n) => [...n.aggregates]))
  return [...tree, ...lenders.filter((l) => l.root !== root && meets(around, l.aggregates))]
}
export function isAbove(top: string, id: string, { nodes }: Forest): boolean {
  for (let at = nodes.get(id); at; at = at.parent === null ? undefined : nodes.get(at.parent)) if (at.id === top) return true
  return false
}
