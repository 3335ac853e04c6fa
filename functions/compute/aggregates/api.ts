import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { aggregate, aggregateHost, server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { isoMicros, view } from '../../kernel/view.ts'
import { able, fetching, fetchOn } from '../../image/cache/use.ts'
import { imageQuery, usableImage } from '../../image/images/use.ts'
import { endpoint, type Rule } from '../service.ts'
import { action, closed, fqdn, name } from '../shapes.ts'

onDuplicate('aggregate.name', () => conflict('An aggregate of this name already exists.'))

type Aggregate = typeof aggregate.$inferSelect
interface Shown { a: Aggregate; hosts: string[] }
const made = view<Shown>(({ a }) => ({ id: a.id, name: a.name, availability_zone: a.zone, created_at: isoMicros(a.createdAt), updated_at: a.updatedAt ? isoMicros(a.updatedAt) : null, deleted: false, deleted_at: null })).since('2.41', ({ a }) => ({ uuid: a.uuid }))
const whole = (ctx: Ctx, x: Shown) => ({ ...made.at(ctx.version)(x), hosts: x.hosts, metadata: { ...x.a.metadata, ...(x.a.zone ? { availability_zone: x.a.zone } : {}) } })

const members = () => q.select({ aggregate: aggregateHost.aggregate, host: aggregateHost.host, name: host.name, zone: aggregate.zone }).from(aggregateHost).innerJoin(host, eq(host.id, aggregateHost.host)).innerJoin(aggregate, eq(aggregate.id, aggregateHost.aggregate)).orderBy(asc(host.name))

async function find(ctx: Ctx, text: string) {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : undefined
  if (id === undefined) throw notFound('aggregate', text, `Aggregate ${text} could not be found.`)
  const [[a], all] = await ctx.read(q.select().from(aggregate).where(eq(aggregate.id, id)), members())
  if (!a) throw notFound('aggregate', text, `Aggregate ${text} could not be found.`)
  return { a, all, own: all.filter((m) => m.aggregate === id) }
}
const names = (own: { name: string }[]) => own.map((m) => m.name)
const ids = sql`select host from ${aggregateHost} where aggregate = `

/** A zone may not change under servers, nor may a host be in two. */
async function rezone(ctx: Ctx, { a, all, own }: Awaited<ReturnType<typeof find>>, zone: string | null) {
  if (zone === a.zone) return
  if (zone !== null) {
    if (zone === '' || zone.includes(':')) throw invalid(`Invalid availability zone '${zone}'.`)
    const other = all.find((m) => m.aggregate !== a.id && own.some((o) => o.host === m.host) && m.zone && m.zone !== zone)
    if (other) throw conflict(`Cannot update aggregate ${a.id}. Reason: One or more hosts already in availability zone(s) ['${other.zone}'].`)
  }
  if (!own.length) return
  const [[used]] = await ctx.read(q.select({ id: server.id }).from(server).where(inArray(server.host, own.map((o) => o.host))).limit(1))
  if (used) throw conflict(`Cannot update aggregate ${a.id}. Reason: One or more hosts contain instances in this zone.`, { status: 400 })
}
const zone = t.Union([name, t.Null()])
const hostBody = (key: string) => ({ '2.1': action(key, t.Object({ host: fqdn }, closed)) })
const rule = (what: string) => `os_compute_api:os-aggregates:${what}` as Rule
const save = (ctx: Ctx, a: Aggregate, set: Partial<Aggregate>) => ctx.stage(q.update(aggregate).set({ ...set, updatedAt: ctx.now() }).where(eq(aggregate.id, a.id)), 'stale')

export default [
  endpoint({
    id: 'aggregates.list', method: 'GET', path: '/os-aggregates', status: 200, summary: 'List aggregates of hosts', policy: rule('index'),
    async handle(ctx) {
      const [rows, all] = await ctx.read(q.select().from(aggregate).orderBy(asc(aggregate.id)), members())
      return { aggregates: rows.map((a) => whole(ctx, { a, hosts: names(all.filter((m) => m.aggregate === a.id)) })) }
    },
  }),
  endpoint({
    id: 'aggregates.create', method: 'POST', path: '/os-aggregates', status: 200, summary: 'Create an aggregate', policy: rule('create'), body: { '2.1': t.Object({ aggregate: t.Object({ name, availability_zone: t.Optional(zone) }, closed) }, closed) },
    async handle(ctx, { body }) {
      const [[{ next }]] = await ctx.read(q.select({ next: sql<number>`max(coalesce((select max(id) from ${aggregate}), 0), coalesce((select seq from sqlite_sequence where name = 'aggregate'), 0)) + 1` }).from(sql`(select 1)`))
      const a: Aggregate = { id: next, uuid: ctx.uuid(), name: body.aggregate.name, zone: body.aggregate.availability_zone ?? null, metadata: {}, createdAt: ctx.now(), updatedAt: null }
      if (a.zone?.includes(':')) throw invalid(`Invalid availability zone '${a.zone}'.`)
      ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${aggregate} where id = ${next})`))
      ctx.stage(q.insert(aggregate).values(a))
      ctx.about(String(a.id))
      return { aggregate: made.at(ctx.version)({ a, hosts: [] }) }
    },
  }),
  endpoint({ id: 'aggregates.show', method: 'GET', path: '/os-aggregates/{aggregate}', status: 200, summary: 'Show an aggregate', policy: rule('show'), async handle(ctx, { params }) { const { a, own } = await find(ctx, params.aggregate); return { aggregate: whole(ctx, { a, hosts: names(own) }) } } }),
  endpoint({
    id: 'aggregates.update', method: 'PUT', path: '/os-aggregates/{aggregate}', status: 200, summary: 'Rename an aggregate or its zone', policy: rule('update'), body: { '2.1': t.Object({ aggregate: t.Object({ name: t.Optional(name), availability_zone: t.Optional(zone) }, { ...closed, minProperties: 1 }) }, closed) },
    async handle(ctx, { params, body: { aggregate: b } }) {
      const found = await find(ctx, params.aggregate), set = { name: b.name ?? found.a.name, zone: b.availability_zone === undefined ? found.a.zone : b.availability_zone }
      await rezone(ctx, found, set.zone)
      save(ctx, found.a, set)
      return { aggregate: whole(ctx, { a: { ...found.a, ...set, updatedAt: ctx.now() }, hosts: names(found.own) }) }
    },
  }),
  endpoint({
    id: 'aggregates.delete', method: 'DELETE', path: '/os-aggregates/{aggregate}', status: 200, summary: 'Delete an empty aggregate', policy: rule('delete'),
    async handle(ctx, { params }) {
      const { a, own } = await find(ctx, params.aggregate)
      if (own.length) throw conflict(`Cannot remove host aggregate ${a.id}: it is not empty.`, { status: 400 })
      ctx.stage(q.delete(aggregate).where(and(eq(aggregate.id, a.id), sql`not exists (${ids} ${a.id})`)), 'stale')
    },
  }),
  endpoint({
    id: 'aggregates.add_host', method: 'POST', path: '/os-aggregates/{aggregate}/action', key: 'add_host', status: 200, summary: 'Add a host to an aggregate', policy: rule('add_host'), body: hostBody('add_host'),
    async handle(ctx, { params, body }) {
      const found = await find(ctx, params.aggregate), { a, own, all } = found
      const [[h]] = await ctx.read(q.select({ id: host.id, name: host.name }).from(host).where(eq(host.name, body.add_host.host)))
      if (!h) throw notFound('compute host', body.add_host.host, `Compute host ${body.add_host.host} could not be found.`)
      if (own.some((m) => m.host === h.id)) throw conflict(`Aggregate ${a.id} already has host ${h.name}.`)
      const other = all.find((m) => m.host === h.id && m.zone && a.zone && m.zone !== a.zone)
      if (other) throw conflict(`Cannot perform action 'add_host_to_aggregate' on aggregate ${a.id}. Reason: Host already in availability zone(s) ['${other.zone}'].`)
      ctx.stage(q.insert(aggregateHost).values({ aggregate: a.id, host: h.id }))
      save(ctx, a, {})
      return { aggregate: whole(ctx, { a: { ...a, updatedAt: ctx.now() }, hosts: [...names(own), h.name].sort() }) }
    },
  }),
  endpoint({
    id: 'aggregates.remove_host', method: 'POST', path: '/os-aggregates/{aggregate}/action', key: 'remove_host', status: 200, summary: 'Remove a host from an aggregate', policy: rule('remove_host'), body: hostBody('remove_host'),
    async handle(ctx, { params, body }) {
      const { a, own } = await find(ctx, params.aggregate), h = own.find((m) => m.name === body.remove_host.host)
      if (!h) throw notFound('aggregate host', body.remove_host.host, `Aggregate ${a.id} has no host ${body.remove_host.host}.`)
      ctx.stage(q.delete(aggregateHost).where(and(eq(aggregateHost.aggregate, a.id), eq(aggregateHost.host, h.host))))
      save(ctx, a, {})
      return { aggregate: whole(ctx, { a: { ...a, updatedAt: ctx.now() }, hosts: names(own).filter((n) => n !== h.name) }) }
    },
  }),
  endpoint({
    id: 'aggregates.set_metadata', method: 'POST', path: '/os-aggregates/{aggregate}/action', key: 'set_metadata', status: 200, summary: "Set an aggregate's metadata; null removes", policy: rule('set_metadata'),
    body: { '2.1': action('set_metadata', t.Object({ metadata: t.Record(t.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }), t.Union([t.String({ maxLength: 255 }), t.Null()]), closed) }, closed)) },
    async handle(ctx, { params, body }) {
      const found = await find(ctx, params.aggregate), { availability_zone, ...rest } = body.set_metadata.metadata as Record<string, string | null>
      const next = availability_zone === undefined ? found.a.zone : availability_zone
      await rezone(ctx, found, next)
      const metadata = Object.fromEntries(Object.entries({ ...found.a.metadata, ...rest }).filter((e): e is [string, string] => e[1] !== null))
      save(ctx, found.a, { metadata, zone: next })
      return { aggregate: whole(ctx, { a: { ...found.a, metadata, zone: next, updatedAt: ctx.now() }, hosts: names(found.own) }) }
    },
  }),
  endpoint({
    id: 'aggregates.images', method: 'POST', path: '/os-aggregates/{aggregate}/images', since: '2.81', status: 202, summary: 'Have images ready on the hosts of an aggregate that are up', policy: rule('images'),
    body: { '2.81': t.Object({ cache: t.Array(t.Object({ id: t.String() }, closed), { minItems: 1, maxItems: 100 }) }, closed) },
    async handle(ctx, { params, body }) {
      const asked = body.cache.map((c) => c.id)
      if (new Set(asked).size !== asked.length) throw invalid('Duplicate images in request')
      const { a, own } = await find(ctx, params.aggregate)
      const [hosts, going, ...rows] = await ctx.read(able(ctx, own.map((m) => m.host)), fetching(), ...asked.map((id) => imageQuery(ctx, id)))
      for (const id of asked) fetchOn(ctx, usableImage(rows.flat(), id), hosts, going)
      ctx.event('aggregate.cache_images.start', String(a.id), { images: asked, hosts: hosts.map((h) => h.id) })
    },
  }),
]
