import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { badQuery, links } from './words.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { closed, metadata as schema } from '../shapes.ts'
import { lend } from './lend.ts'

type Image = Record<string, any>
const until = '2.35', policy = 'os_compute_api:images'
/** Attributes of an image that are not its metadata. */
const base = new Set(['id', 'name', 'status', 'visibility', 'protected', 'checksum', 'owner', 'size', 'virtual_size', 'container_format', 'disk_format', 'created_at', 'updated_at', 'tags', 'min_ram', 'min_disk', 'self', 'file', 'schema', 'os_hash_algo', 'os_hash_value', 'os_hidden', 'direct_url', 'locations', 'stores'])
const statuses: Record<string, string> = { active: 'ACTIVE', queued: 'SAVING', saving: 'SAVING', uploading: 'SAVING', importing: 'SAVING', killed: 'ERROR', deactivated: 'UNKNOWN' }
const metaOf = (i: Image): Record<string, string> => Object.fromEntries(Object.entries(i).filter(([k]) => !base.has(k)).map(([k, v]) => [k, String(v ?? '')]))

const brief = (ctx: Ctx, i: Image) => ({ id: i.id, name: i.name, links: [...links(ctx, 'images', i.id), { rel: 'alternate', type: 'application/vnd.openstack.image', href: `${ctx.origin}/image/v2/images/${i.id}` }] })
const whole = (ctx: Ctx, i: Image) => ({
  ...brief(ctx, i), status: statuses[i.status] ?? 'UNKNOWN', created: i.created_at, updated: i.updated_at, minDisk: i.min_disk, minRam: i.min_ram, progress: i.status === 'active' ? 100 : i.status === 'saving' ? 50 : 25, metadata: metaOf(i), 'OS-EXT-IMG-SIZE:size': i.size,
  ...(i.instance_uuid ? { server: { id: i.instance_uuid, links: links(ctx, 'servers', i.instance_uuid) } } : {}),
})
const get = (ctx: Ctx, id: string): Promise<Image> => lend(ctx, 'image', 'GET', `/images/${encodeURIComponent(id)}`).catch((e) => { throw e?.kind === 'notFound' ? notFound('image', id, `Image ${id} could not be found.`) : e })

async function list(ctx: Ctx, query: URLSearchParams): Promise<Image[]> {
  const wanted = query.get('status')?.toUpperCase(), limit = query.get('limit'), server = query.get('server')?.split('/').at(-1), since = query.get('changes-since')
  if (limit !== null && !/^\d+$/.test(limit)) throw badQuery('limit', limit)
  if (since && Number.isNaN(Date.parse(since))) throw invalid(`Invalid changes-since value: ${since}`)
  const kinds = Object.entries(statuses).filter(([, v]) => v === wanted).map(([k]) => k)
  const found = await lend(ctx, 'image', 'GET', '/images', { query: {
    limit: '1000', name: query.get('name') ?? undefined, marker: query.get('marker') ?? undefined, instance_uuid: server, image_type: query.get('type') ?? undefined, min_ram: query.get('minRam') ?? undefined, min_disk: query.get('minDisk') ?? undefined,
    status: wanted ? `in:${(kinds.length ? kinds : ['none']).join(',')}` : undefined,
  } })
  const all = (found.images as Image[]).filter((i) => !since || Date.parse(i.updated_at) >= Date.parse(since))
  return limit === null ? all : all.slice(0, Number(limit))
}
/** Sets an image's properties to what `next` makes of them. */
async function rewrite(ctx: Ctx, id: string, next: (old: Record<string, string>) => Record<string, string>): Promise<Record<string, string>> {
  const i = await get(ctx, id), old = metaOf(i), made = next(old), at = (k: string) => `/${k.replaceAll('~', '~0').replaceAll('/', '~1')}`
  if (Object.keys(made).length > 128) throw invalid('Image metadata limit exceeded')
  const patch = [...Object.keys(old).filter((k) => !Object.hasOwn(made, k)).map((k) => ({ op: 'remove', path: at(k) })), ...Object.entries(made).filter(([k, v]) => old[k] !== v).map(([k, value]) => ({ op: Object.hasOwn(old, k) ? 'replace' : 'add', path: at(k), value }))]
  if (patch.length) await lend(ctx, 'image', 'PATCH', `/images/${id}`, { body: patch, media: 'application/openstack-images-v2.1-json-patch' })
  return made
}
const items = '/images/{image}/metadata', one = `${items}/{key}`, last = '2.38'
const many = { '2.1': t.Object({ metadata: schema }, closed) }
const missing = (key: string) => notFound('metadata item', key, 'Metadata item was not found')

export default [
  endpoint({ id: 'images.list', method: 'GET', path: '/images', until, status: 200, summary: 'List images (ask the image service)', policy, async handle(ctx, { query }) { return { images: (await list(ctx, query)).map((i) => brief(ctx, i)) } } }),
  endpoint({ id: 'images.detail', method: 'GET', path: '/images/detail', until, status: 200, summary: 'List images with details (ask the image service)', policy, async handle(ctx, { query }) { return { images: (await list(ctx, query)).map((i) => whole(ctx, i)) } } }),
  endpoint({ id: 'images.show', method: 'GET', path: '/images/{image}', until, status: 200, summary: 'Show an image (ask the image service)', policy, async handle(ctx, { params }) { return { image: whole(ctx, await get(ctx, params.image)) } } }),
  endpoint({ id: 'images.delete', method: 'DELETE', path: '/images/{image}', until, status: 204, summary: 'Delete an image (ask the image service)', policy, async handle(ctx, { params }) { await get(ctx, params.image); await lend(ctx, 'image', 'DELETE', `/images/${params.image}`) } }),
  endpoint({ id: 'images.metadata.list', method: 'GET', path: items, until: last, status: 200, summary: "List an image's metadata", policy, async handle(ctx, { params }) { return { metadata: metaOf(await get(ctx, params.image)) } } }),
  endpoint({ id: 'images.metadata.create', method: 'POST', path: items, until: last, status: 200, summary: "Add to an image's metadata", policy, body: many, async handle(ctx, { params, body }) { return { metadata: await rewrite(ctx, params.image, (old) => ({ ...old, ...body.metadata })) } } }),
  endpoint({ id: 'images.metadata.replace', method: 'PUT', path: items, until: last, status: 200, summary: "Replace an image's metadata", policy, body: many, async handle(ctx, { params, body }) { return { metadata: await rewrite(ctx, params.image, () => body.metadata as Record<string, string>) } } }),
  endpoint({
    id: 'images.metadata.show', method: 'GET', path: one, until: last, status: 200, summary: "Show an item of an image's metadata", policy,
    async handle(ctx, { params }) {
      const all = metaOf(await get(ctx, params.image))
      if (!Object.hasOwn(all, params.key)) throw missing(params.key)
      return { meta: { [params.key]: all[params.key] } }
    },
  }),
  endpoint({
    id: 'images.metadata.update', method: 'PUT', path: one, until: last, status: 200, summary: "Set an item of an image's metadata", policy, body: { '2.1': t.Object({ meta: schema }, closed) },
    async handle(ctx, { params, body }) {
      if (Object.keys(body.meta).length !== 1 || !Object.hasOwn(body.meta, params.key)) throw invalid('Request body and URI mismatch')
      await rewrite(ctx, params.image, (old) => ({ ...old, ...body.meta }))
      return { meta: body.meta }
    },
  }),
  endpoint({
    id: 'images.metadata.delete', method: 'DELETE', path: one, until: last, status: 204, summary: "Remove an item of an image's metadata", policy,
    async handle(ctx, { params }) {
      await rewrite(ctx, params.image, (old) => {
        if (!Object.hasOwn(old, params.key)) throw missing(params.key)
        return Object.fromEntries(Object.entries(old).filter(([k]) => k !== params.key))
      })
    },
  }),
]
