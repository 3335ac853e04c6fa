import { eq, getTableColumns, inArray, sql } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import { allocation, placementConsumer, provider } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { hostClasses } from '../classes/standard.ts'
import { inventoriesQuery, type InventoryRow } from '../inventories/shape.ts'
import { usagesQuery, type Usage } from '../inventories/write.ts'
import { classesQuery } from '../known.ts'
import { columns, type ProviderRow } from '../providers/read.ts'
import type { Held, Wish } from './shape.ts'

export type HeldRow = Held & { consumer: string; isHost: number }
const heldColumns = { ...getTableColumns(allocation), isHost: sql<number>`exists (select 1 from ${host} where ${full(host.id)} = ${full(allocation.provider)})`.as('is_host') }
export const heldQuery = (consumers: string[]) => q.select(heldColumns).from(allocation).where(inArray(allocation.consumer, consumers))
export const serversQuery = (consumers: string[]) => q.select({ id: server.id }).from(server).where(inArray(server.id, consumers))
/** What a server's flavor takes from its host: its own, and to be changed by what is done to the server only. */
export const isFlavor = (h: { class: string; isHost: number }) => h.isHost === 1 && hostClasses.includes(h.class)

export interface World {
  consumers: (typeof placementConsumer.$inferSelect)[]
  held: HeldRow[]
  servers: { id: string }[]
  providers: ProviderRow[]
  inventories: InventoryRow[]
  usages: Usage[]
  custom: { name: string }[]
}

/** All that deciding on wishes takes, in one trip; with the inventories of `more` providers besides those wished from. */
export async function readWorld(ctx: Ctx, wishes: Wish[], more: string[] = [], classes: string[] = []): Promise<World> {
  const ids = wishes.map((w) => w.consumer), wants = wishes.flatMap((w) => w.wants), from = [...new Set([...more, ...wants.map((w) => w.provider)])]
  const [consumers, held, servers, providers, inventories, usages, custom] = await ctx.read(
    q.select().from(placementConsumer).where(inArray(placementConsumer.id, ids)), heldQuery(ids), serversQuery(ids),
    q.select(columns).from(provider).where(inArray(provider.id, from)), inventoriesQuery(from), usagesQuery(from), classesQuery(new Set([...classes, ...wants.map((w) => w.class)])))
  return { consumers, held, servers, providers, inventories, usages, custom }
}
export const ofConsumer = (consumer: string) => q.select({ allocation, generation: provider.generation, consumer: placementConsumer }).from(allocation)
  .innerJoin(provider, eq(provider.id, allocation.provider)).innerJoin(placementConsumer, eq(placementConsumer.id, allocation.consumer)).where(eq(allocation.consumer, consumer)).orderBy(allocation.provider, allocation.class)
