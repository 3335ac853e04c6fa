import { asc, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { allocation, customClass, customTrait, inventory, placementConsumer, provider, providerAggregate, providerTrait, providerUsage } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { standardClasses, standardTraits } from './standard.ts'

export type Provider = typeof provider.$inferSelect
export type Inventory = typeof inventory.$inferSelect
export const closed = { additionalProperties: false } as const
export const uuid = t.String({ pattern: '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$' })
/** 1.14 as a number. */
export const v = (minor: number) => 1000 + minor

/** From 1.15 on answers say how old they are, and not to keep them. */
export function fresh(ctx: Ctx, ...times: number[]) {
  if (ctx.version < v(15)) return
  ctx.headers.set('last-modified', new Date(Math.floor((times.length ? Math.max(...times) : ctx.now()) / 1000)).toUTCString())
  ctx.headers.set('cache-control', 'no-cache')
}

export const providerQuery = (id: string) => q.select().from(provider).where(eq(provider.id, id))
export const noProvider = (id: string) => notFound('resource provider', id, `No resource provider with uuid ${id} found`, { type: 'placement.resource_provider.not_found' })
export function oneProvider(rows: Provider[], id: string): Provider {
  if (!rows[0]) throw noProvider(id)
  return rows[0]
}
export const stale = () => conflict('resource provider generation conflict', { type: 'placement.concurrent_update' })
/** The writer has seen the newest generation, or is refused; the next one is staged. */
export function bump(ctx: Ctx, p: Provider, seen?: number): number {
  if (seen !== undefined && seen !== p.generation) throw stale()
  ctx.stage(q.update(provider).set({ generation: p.generation + 1, updatedAt: ctx.now() }).where(sql`${provider.id} = ${p.id} and ${provider.generation} = ${p.generation}`), 'stale')
  return p.generation + 1
}

export const inventoriesOf = (ids: string[]) => q.select().from(inventory).where(inArray(inventory.provider, ids)).orderBy(asc(inventory.provider), asc(inventory.class))
export const usagesOf = (ids: string[]) => q.select().from(providerUsage).where(inArray(providerUsage.provider, ids))
export const traitsOf = (ids: string[]) => q.select().from(providerTrait).where(inArray(providerTrait.provider, ids)).orderBy(asc(providerTrait.trait))
export const aggregatesOf = (ids: string[]) => q.select().from(providerAggregate).where(inArray(providerAggregate.provider, ids)).orderBy(asc(providerAggregate.aggregate))
export const customs = () => [q.select({ name: customClass.name }).from(customClass).orderBy(asc(customClass.createdAt)), q.select({ name: customTrait.name }).from(customTrait)] as const

export const capacity = (i: Inventory) => Math.floor((i.total - i.reserved) * i.ratio)
export const inventoryView = (i: Inventory) => ({ total: i.total, reserved: i.reserved, min_unit: i.minUnit, max_unit: i.maxUnit, step_size: i.stepSize, allocation_ratio: i.ratio })

export function knownClass(name: string, custom: { name: string }[]) {
  if (!standardClasses.includes(name) && !custom.some((c) => c.name === name)) throw invalid(`Unknown resource class in inventory or request: No such resource class ${name}.`)
}
export function knownTraits(names: string[], custom: { name: string }[]) {
  const missing = names.filter((n) => !standardTraits.has(n) && !custom.some((c) => c.name === n))
  if (missing.length) throw invalid(`No such trait(s): ${missing.join(', ')}.`)
}
export const consumerQuery = (id: string) => q.select().from(placementConsumer).where(eq(placementConsumer.id, id))
export const allocationsOf = (id: string) => q.select({ a: allocation, generation: provider.generation }).from(allocation).innerJoin(provider, eq(provider.id, allocation.provider)).where(eq(allocation.consumer, id))
export const badValue = (message: string) => invalid(message, { type: 'placement.query.bad_value' })

/** `VCPU:2,MEMORY_MB:512` */
export function resourcesOf(text: string, custom: { name: string }[]): Map<string, number> {
  const out = new Map<string, number>()
  for (const part of text.split(',')) {
    const m = /^([A-Z0-9_]+):(\d+)$/.exec(part.trim())
    if (!m) throw badValue(`Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: ${text}.`)
    if (Number(m[2]) < 1) throw badValue(`Requested resource ${m[1]} expected positive integer amount. Got: ${m[2]}.`)
    if (!standardClasses.includes(m[1]) && !custom.some((c) => c.name === m[1])) throw invalid(`Invalid resource class in resources parameter: No such resource class ${m[1]}.`)
    out.set(m[1], Number(m[2]))
  }
  return out
}
/** Traits wanted (each entry: any of these) and not wanted. */
export interface TraitWish { all: string[][]; none: string[] }
export function traitWish(values: string[], version: number, custom: { name: string }[]): TraitWish {
  const wish: TraitWish = { all: [], none: [] }
  if (values.length > 1 && version < v(39)) values = [values.at(-1)!]
  for (const text of values) {
    if (text.startsWith('in:')) {
      if (version < v(39)) throw badValue(`The format 'in:' of the required parameter came with 1.39. Got: ${text}`)
      const names = text.slice(3).split(',')
      knownTraits(names, custom)
      wish.all.push(names)
      continue
    }
    for (const name of text.split(',')) {
      const not = name.startsWith('!')
      if (!name || (not && version < v(22))) throw badValue(`Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: ${text}`)
      knownTraits([not ? name.slice(1) : name], custom)
      if (not) wish.none.push(name.slice(1))
      else wish.all.push([name])
    }
  }
  if (wish.all.some((set) => set.length === 1 && wish.none.includes(set[0]))) throw badValue('Conflicting required and forbidden traits.')
  return wish
}
export const fitsTraits = (has: Set<string>, w: TraitWish) => w.all.every((set) => set.some((n) => has.has(n))) && !w.none.some((n) => has.has(n))

export interface MemberWish { all: string[][]; none: string[] }
export function memberWish(values: string[], version: number): MemberWish {
  const wish: MemberWish = { all: [], none: [] }
  if (version < v(24) && values.length > 1) throw badValue('Multiple member_of parameters came with 1.24.')
  for (const text of values) {
    const not = text.startsWith('!'), body = not ? text.slice(1) : text
    if (not && version < v(32)) throw badValue('Forbidden member_of parameters came with 1.32.')
    if (!body.startsWith('in:') && body.includes(',')) throw badValue("Multiple values for 'member_of' must be prefixed with the 'in:' keyword")
    const ids = (body.startsWith('in:') ? body.slice(3) : body).split(',').map((x) => x.trim())
    for (const id of ids) if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(id)) throw badValue(`Invalid uuid value: ${id}`)
    if (not) wish.none.push(...ids)
    else wish.all.push(ids)
  }
  return wish
}
export const fitsMembers = (has: Set<string>, w: MemberWish) => w.all.every((set) => set.some((n) => has.has(n))) && !w.none.some((n) => has.has(n))

/** Everything about every provider, for questions over all of them. */
export async function survey(ctx: Ctx) {
  const [providers, inventories, usages, traits, aggregates, classes, traitNames] = await ctx.read(q.select().from(provider).orderBy(asc(provider.createdAt), asc(provider.id)), q.select().from(inventory), q.select().from(providerUsage), q.select().from(providerTrait), q.select().from(providerAggregate), ...customs())
  const by = <T extends { provider: string }>(rows: T[]) => Map.groupBy(rows, (r) => r.provider)
  const i = by(inventories), u = by(usages), tr = by(traits), a = by(aggregates)
  return {
    classes, traitNames,
    providers: providers.map((p) => ({
      p, inventories: i.get(p.id) ?? [], used: new Map((u.get(p.id) ?? []).map((x) => [x.class, x.used])), traits: new Set((tr.get(p.id) ?? []).map((x) => x.trait)), aggregates: new Set((a.get(p.id) ?? []).map((x) => x.aggregate)),
    })),
  }
}
export type Surveyed = Awaited<ReturnType<typeof survey>>['providers'][number]
export const takes = (x: Surveyed, cls: string, amount: number) => {
  const inv = x.inventories.find((n) => n.class === cls)
  return !!inv && amount >= inv.minUnit && amount <= inv.maxUnit && amount % inv.stepSize === 0 && (x.used.get(cls) ?? 0) + amount <= (inv.total - inv.reserved) * inv.ratio
}
