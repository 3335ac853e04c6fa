import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { qosSpec, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { closed, cut, isTrue, linksOf, listing, nextLink } from '../lists.ts'
import { endpoint } from '../service.ts'
import { noType } from './model.ts'

type Qos = typeof qosSpec.$inferSelect
onDuplicate('qos_spec.name', () => conflict('QoS Specs of this name already exists.'))
const manage = 'volume_extension:qos_specs_manage' as const, read = 'volume_extension:qos_specs_get' as const
const view = (r: Qos) => ({ id: r.id, name: r.name, consumer: r.consumer, specs: r.specs })
const one = (id: string) => q.select().from(qosSpec).where(eq(qosSpec.id, id))
const users = (id: string) => q.select({ id: volumeType.id, name: volumeType.name }).from(volumeType).where(eq(volumeType.qos, id)).orderBy(volumeType.name)
async function find(ctx: Ctx, id: string): Promise<Qos> {
  const [[row]] = await ctx.read(one(id))
  if (!row) throw notFound('qos specs', id, `No such QoS spec ${id.slice(0, 64)}.`)
  return row
}
const word = t.String({ minLength: 1, maxLength: 255 })
const consumer = t.Enum(['front-end', 'back-end', 'both'])
const more = { additionalProperties: t.String({ maxLength: 255 }) }
const rest = (o: Record<string, unknown>) => { const { name, consumer, ...specs } = o; return specs as Record<string, string> }
const link = (ctx: Ctx, type: string, qos: string | null) => ctx.stage(q.update(volumeType).set({ qos, updatedAt: ctx.now() }).where(eq(volumeType.id, type)), 'stale')

export default [
  endpoint({
    id: 'qos.list', method: 'GET', path: '/qos-specs', status: 200, policy: read, summary: 'List QoS specs',
    async handle(ctx, { query, url }) {
      const page = listing(ctx, query, { created_at: qosSpec.createdAt, id: qosSpec.id, name: qosSpec.name })
      const { after, order } = keyset(qosSpec, qosSpec.id, page)
      const [rows] = await ctx.read(q.select().from(qosSpec).where(after).orderBy(...order).limit(page.limit + 1).offset(page.offset))
      const shown = cut(rows, page, (r) => r.id)
      return { qos_specs: page.none ? [] : shown.rows.map(view), ...nextLink(ctx, url, 'qos_specs', shown.next) }
    },
  }),
  endpoint({
    id: 'qos.create', method: 'POST', path: '/qos-specs', status: 200, policy: manage, summary: 'Create QoS specs', body: { '3.0': t.Object({ qos_specs: t.Object({ name: word, consumer: t.Optional(consumer) }, more) }, closed) },
    handle(ctx, { body: { qos_specs: ask } }) {
      const now = ctx.now(), row: Qos = { id: ctx.uuid(), name: ask.name, consumer: ask.consumer ?? 'back-end', specs: rest(ask), createdAt: now, updatedAt: now }
      ctx.stage(q.insert(qosSpec).values(row))
      ctx.about(row.id)
      return { qos_specs: view(row), links: linksOf(ctx, 'qos-specs', row.id) }
    },
  }),
  endpoint({ id: 'qos.show', method: 'GET', path: '/qos-specs/{qos}', status: 200, policy: read, summary: 'Show QoS specs', async handle(ctx, { params }) { return { qos_specs: view(await find(ctx, params.qos)), links: linksOf(ctx, 'qos-specs', params.qos) } } }),
  endpoint({
    id: 'qos.update', method: 'PUT', path: '/qos-specs/{qos}', status: 200, policy: manage, summary: 'Set keys of QoS specs', body: { '3.0': t.Object({ qos_specs: t.Object({ consumer: t.Optional(consumer) }, more) }, closed) },
    async handle(ctx, { params, body: { qos_specs: ask } }) {
      const row = await find(ctx, params.qos)
      ctx.stage(q.update(qosSpec).set({ specs: { ...row.specs, ...rest(ask) }, ...(ask.consumer ? { consumer: ask.consumer } : {}), updatedAt: ctx.now() }).where(eq(qosSpec.id, row.id)), 'stale')
      return { qos_specs: ask }
    },
  }),
  endpoint({
    id: 'qos.delete-keys', method: 'PUT', path: '/qos-specs/{qos}/delete_keys', status: 202, policy: manage, summary: 'Remove keys of QoS specs', body: { '3.0': t.Object({ keys: t.Array(word, { minItems: 1 }) }, closed) },
    async handle(ctx, { params, body }) {
      const row = await find(ctx, params.qos)
      for (const k of body.keys) if (!(k in row.specs)) throw invalid(`QoS spec ${row.id} has no spec with key ${k}.`)
      ctx.stage(q.update(qosSpec).set({ specs: Object.fromEntries(Object.entries(row.specs).filter(([k]) => !body.keys.includes(k))), updatedAt: ctx.now() }).where(eq(qosSpec.id, row.id)), 'stale')
    },
  }),
  endpoint({
    id: 'qos.delete', method: 'DELETE', path: '/qos-specs/{qos}', status: 202, policy: manage, summary: 'Delete QoS specs',
    async handle(ctx, { params, query }) {
      const [[row], used] = await ctx.read(one(params.qos), users(params.qos))
      if (!row) throw notFound('qos specs', params.qos, `No such QoS spec ${params.qos.slice(0, 64)}.`)
      if (used.length && !isTrue(query.get('force'))) throw invalid(`QoS Specs ${row.id} is still associated with entities.`)
      ctx.stage(q.update(volumeType).set({ qos: null }).where(eq(volumeType.qos, row.id)))
      ctx.stage(q.delete(qosSpec).where(eq(qosSpec.id, row.id)), 'stale')
    },
  }),
  endpoint({ id: 'qos.associations', method: 'GET', path: '/qos-specs/{qos}/associations', status: 200, policy: read, summary: 'List the types QoS specs are used by', async handle(ctx, { params }) { await find(ctx, params.qos); const [rows] = await ctx.read(users(params.qos)); return { qos_associations: rows.map((r) => ({ association_type: 'volume_type', id: r.id, name: r.name })) } } }),
  ...(['associate', 'disassociate'] as const).map((verb) => endpoint({
    id: `qos.${verb}`, method: 'GET', path: `/qos-specs/{qos}/${verb}`, status: 202, policy: manage, summary: `${verb === 'associate' ? 'Give' : 'Take'} QoS specs ${verb === 'associate' ? 'to' : 'from'} a type`,
    async handle(ctx, { params, query }) {
      const type = query.get('vol_type_id')
      if (!type) throw invalid('Volume Type id must not be None.')
      const [[row], [target]] = await ctx.read(one(params.qos), q.select().from(volumeType).where(eq(volumeType.id, type)))
      if (!row) throw notFound('qos specs', params.qos, `No such QoS spec ${params.qos.slice(0, 64)}.`)
      if (!target) throw noType(type)
      if (verb === 'associate' && target.qos && target.qos !== row.id) throw invalid(`Type ${type} is already associated with another qos specs: ${target.qos}`)
      if (verb === 'associate' || target.qos === row.id) link(ctx, type, verb === 'associate' ? row.id : null)
    },
  })),
  endpoint({ id: 'qos.disassociate-all', method: 'GET', path: '/qos-specs/{qos}/disassociate_all', status: 202, policy: manage, summary: 'Take QoS specs from all types', async handle(ctx, { params }) { const row = await find(ctx, params.qos); ctx.stage(q.update(volumeType).set({ qos: null, updatedAt: ctx.now() }).where(eq(volumeType.qos, row.id))) } }),
]
