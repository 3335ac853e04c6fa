import { and, eq, inArray, sql } from 'drizzle-orm'
import { allocation, inventory, placementConsumer, provider, providerUsage } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, run } from '../../kernel/db.ts'
import { conflict, invalid, Stale } from '../../kernel/fault.ts'
import { concurrent } from '../answer.ts'
import { capacity } from '../inventories/shape.ts'
import { checkClasses } from '../known.ts'
import { isFlavor, type HeldRow, type World } from './read.ts'
import type { Held, Wish } from './shape.ts'

onDuplicate('placement_consumer.id', () => new Stale('consumer'))
/** Who holds what is not said to be whose, before 1.8. */
const NOBODY = '00000000-0000-0000-0000-000000000000'
const key = (h: Held) => `${h.provider} ${h.class}`
const exact = (h: Held) => `${key(h)} ${h.used}`

/** Makes what each consumer holds what is wished, all or nothing: decided on `world`, and asked again at the end of the batch. */
export function setAllocations(ctx: Ctx, wishes: Wish[], world: World, moved: string[] = []) {
  const wants = wishes.flatMap((w) => w.wants)
  const missing = wants.find((w) => !world.providers.some((p) => p.id === w.provider))
  if (missing) throw invalid(`Allocation for resource provider ${missing.provider} that does not exist.`)
  checkClasses(wants.map((w) => w.class), world.custom, 'allocations')
  for (const w of wishes) checkConsumer(w, world)
  const more = checkRoom(wants, world, moved)
  for (const w of wishes) stageConsumer(ctx, w, world)
  const touched = [...new Set([...wants, ...world.held].map((h) => h.provider))].filter((id) => !moved.includes(id))
  if (touched.length) ctx.stage(q.update(provider).set({ generation: sql`${provider.generation} + 1`, updatedAt: ctx.now() }).where(inArray(provider.id, touched)))
  if (more.length) {
    ctx.stage(run(sql`insert into guard select 'capacity', not exists (select 1 from (values ${sql.join(more.map((m) => sql`(${m.provider}, ${m.class})`), sql`, `)}) w
      join ${providerUsage} u on u.provider = w.column1 and u.class = w.column2 left join ${inventory} i on i.provider = u.provider and i.class = u.class where u.used > coalesce((i.total - i.reserved) * i.ratio, 0))`))
  }
}

function checkConsumer(w: Wish, { consumers, held, servers, providers }: World) {
  const now = consumers.find((c) => c.id === w.consumer)
  if (w.generation !== undefined && w.generation !== (now?.generation ?? null)) throw concurrent(`Consumer generation conflict: expected ${now?.generation ?? 'null'} but got ${w.generation}.`)
  if (!servers.some((s) => s.id === w.consumer)) return
  const own = held.filter((h) => h.consumer === w.consumer && isFlavor(h)).map(exact).sort()
  const next = w.wants.filter((h) => isFlavor({ class: h.class, isHost: providers.find((p) => p.id === h.provider)!.isHost })).map(exact).sort()
  if (own.join() !== next.join()) throw conflict(`Consumer ${w.consumer} is a server: what it holds of its host follows from its flavor. Resize, move or delete the server.`)
  if (now && ((w.project ?? now.project) !== now.project || (w.user ?? now.user) !== now.user || (w.type ?? now.type) !== now.type)) throw conflict(`Consumer ${w.consumer} is a server: its project, user and type stay.`)
}

/** Refuses what does not fit; what takes more than before is returned, to be asked again. A provider with too little left may always be relieved. */
function checkRoom(wants: Held[], { inventories, usages, held }: World, moved: string[]): Held[] {
  const sums = (list: Held[]) => list.reduce((m, h) => m.set(key(h), (m.get(key(h)) ?? 0) + h.used), new Map<string, number>())
  const before = sums(held), after = sums(wants), stock = new Map(inventories.map((i) => [`${i.provider} ${i.class}`, i])), used = new Map(usages.map((u) => [`${u.provider} ${u.class}`, u.used]))
  const refuse = (h: Held, why: string) => conflict(`Unable to allocate inventory: ${h.used} ${h.class} of resource provider ${h.provider}: ${why}.`)
  const more = new Map<string, Held>()
  for (const h of wants) {
    const i = stock.get(key(h))
    if (!i) throw refuse(h, 'it has no such inventory')
    if (h.used < i.minUnit || h.used > i.maxUnit || h.used % i.stepSize !== 0) throw refuse(h, `the amount must be from ${i.minUnit} to ${i.maxUnit} in steps of ${i.stepSize}`)
    const was = before.get(key(h)) ?? 0, will = after.get(key(h))!
    if (will <= was && !moved.includes(h.provider)) continue
    if ((used.get(key(h)) ?? 0) - was + will > capacity(i)) throw refuse(h, 'the requested amount would exceed the capacity')
    more.set(key(h), h)
  }
  return [...more.values()]
}

/** Writes the difference only: what stays is not touched, whoever else may be changing it. */
function stageConsumer(ctx: Ctx, w: Wish, { consumers, held }: World) {
  const now = consumers.find((c) => c.id === w.consumer), own = held.filter((h) => h.consumer === w.consumer)
  if (!now && !w.wants.length) return
  if (now) {
    ctx.stage(q.update(placementConsumer).set({ generation: now.generation + 1, project: w.project ?? now.project, user: w.user ?? now.user, type: w.type ?? now.type })
      .where(and(eq(placementConsumer.id, now.id), eq(placementConsumer.generation, now.generation))), 'stale')
  } else {
    ctx.stage(q.insert(placementConsumer).values({ id: w.consumer, project: w.project ?? NOBODY, user: w.user ?? NOBODY, type: w.type ?? null, generation: 1, createdAt: ctx.now() }))
  }
  const stays = new Set(w.wants.map(key)), same = new Set(own.map(exact))
  dropAllocations(ctx, w.consumer, own.filter((h) => !stays.has(key(h))))
  const changed = w.wants.filter((h) => !same.has(exact(h)))
  if (changed.length) ctx.stage(q.insert(allocation).values(changed.map((h) => ({ consumer: w.consumer, ...h }))).onConflictDoUpdate({ target: [allocation.consumer, allocation.provider, allocation.class], set: { used: sql`excluded.used` } }))
}

/** A consumer that holds nothing any more is forgotten. */
export function dropAllocations(ctx: Ctx, consumer: string, gone: Pick<HeldRow, 'provider' | 'class'>[]) {
  if (!gone.length) return
  ctx.stage(q.delete(allocation).where(and(eq(allocation.consumer, consumer), sql`(${allocation.provider}, ${allocation.class}) in (values ${sql.join(gone.map((h) => sql`(${h.provider}, ${h.class})`), sql`, `)})`)))
}
export const forget = (ctx: Ctx, consumers: string[]) => ctx.stage(q.delete(placementConsumer).where(and(inArray(placementConsumer.id, consumers), sql`not exists (select 1 from ${allocation} where consumer = ${placementConsumer.id})`)))
