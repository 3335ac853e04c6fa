import { asc, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { network, segmentName } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { endpoint } from '../service.ts'

/** Every network is one segment, known by the network's id with another version digit: nothing is kept but what it is called. */
const segmentId = (net: string) => `${net.slice(0, 14)}5${net.slice(15)}`
const networkOf = (id: string) => (/^[0-9a-f]{8}-[0-9a-f]{4}-5/.test(id) ? `${id.slice(0, 14)}4${id.slice(15)}` : '')
const reads = (id?: string) => q.select({ id: network.id, type: network.providerType, physical: network.physicalNetwork, segment: network.segment, name: segmentName.name, description: segmentName.description, createdAt: network.createdAt, updatedAt: network.updatedAt })
  .from(network).leftJoin(segmentName, eq(segmentName.network, network.id)).where(id === undefined ? undefined : eq(network.id, id)).orderBy(asc(network.id)).limit(10_000)
type Segment = Awaited<ReturnType<typeof reads>>[number]
const view = (s: Segment) => ({ id: segmentId(s.id), network_id: s.id, name: s.name, description: s.description, network_type: s.type, physical_network: s.physical, segmentation_id: s.segment })
const none = (id: string) => notFound('segment', id, `Segment ${id} could not be found.`, { type: 'SegmentNotFound' })

const closed = { additionalProperties: false } as const
const text = t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()]))
const names = ['id', 'network_id', 'name', 'description', 'network_type', 'physical_network', 'segmentation_id']
export const segments = [
  endpoint({ id: 'segments.list', method: 'GET', path: '/segments', status: 200, policy: 'get_segment', summary: 'Segments: one for each network', async handle(ctx, { query }) {
    const [list] = await ctx.read(reads()), asked = names.filter((n) => query.has(n))
    const odd = [...query.keys()].filter((k) => !names.includes(k) && !['limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir', 'fields'].includes(k))
    if (odd.length) throw invalid(`[${odd.map((k) => `'${k}'`).join(', ')}] is invalid attribute for filtering`, { type: 'HTTPBadRequest' })
    return { segments: list.map(view).filter((s) => asked.every((n) => query.getAll(n).includes(String((s as Row)[n])))) }
  } }),
  endpoint({ id: 'segments.show', method: 'GET', path: '/segments/{id}', status: 200, policy: 'get_segment', summary: 'Show a segment', async handle(ctx, { params }) {
    const [[s]] = await ctx.read(reads(networkOf(params.id)))
    if (!s) throw none(params.id)
    return { segment: view(s) }
  } }),
  endpoint({ id: 'segments.create', method: 'POST', path: '/segments', status: 201, policy: 'create_segment', summary: 'Segments are made with their networks',
    body: { '2.0': t.Object({ segment: t.Object({ network_id: t.String({ maxLength: 36 }), network_type: t.String({ maxLength: 32 }), physical_network: text, segmentation_id: t.Optional(t.Union([t.Integer(), t.Null()])), name: text, description: text, tenant_id: text, project_id: text }, closed) }, closed) },
    async handle(ctx, { body }) {
      const [[net]] = await ctx.read(reads(body.segment.network_id))
      if (!net) throw notFound('network', body.segment.network_id, undefined, { type: 'NetworkNotFound' })
      // Hosts join a network as one: two segments of it would be two networks to them.
      throw conflict(`Network ${net.id} has its segment ${segmentId(net.id)}; networks of several segments are not offered.`, { type: 'SegmentInUse' })
    } }),
  endpoint({ id: 'segments.update', method: 'PUT', path: '/segments/{id}', status: 200, policy: 'update_segment', summary: 'Name or describe a segment',
    body: { '2.0': t.Object({ segment: t.Object({ name: text, description: text }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const [[s]] = await ctx.read(reads(networkOf(params.id)))
      if (!s) throw none(params.id)
      const next = { name: body.segment.name === undefined ? s.name : body.segment.name, description: body.segment.description === undefined ? s.description : body.segment.description }
      ctx.stage(q.insert(segmentName).values({ network: s.id, ...next }).onConflictDoUpdate({ target: segmentName.network, set: next }))
      return { segment: view({ ...s, ...next }) }
    } }),
  endpoint({ id: 'segments.delete', method: 'DELETE', path: '/segments/{id}', status: 204, policy: 'delete_segment', summary: 'Segments go with their networks', async handle(ctx, { params }) {
    const [[s]] = await ctx.read(reads(networkOf(params.id)))
    if (!s) throw none(params.id)
    throw conflict(`Segment '${params.id}' cannot be deleted: it is the only one of network ${s.id}.`, { type: 'SegmentInUse' })
  } }),
]
