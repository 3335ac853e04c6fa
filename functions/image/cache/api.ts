import { and, eq, sql } from 'drizzle-orm'
import { hostImages } from '../../../schema/host.ts'
import { image } from '../../../schema/image.ts'
import type { ImageBytes } from '../../../schema/jobs.ts'
import { job } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { enqueue } from '../../kernel/queue.ts'
import { missing } from '../images/find.ts'
import { imageQuery, usableImage } from '../images/use.ts'
import { endpoint } from '../service.ts'
import { able, fetching, fetchOn } from './use.ts'

/** Where disks are made of images is where they are kept: what this API calls the cache are the hosts' own, together. */
const kept = sql`(select json_extract(x.value, '$.digest') as digest, sum(json_extract(x.value, '$.disks')) as hits, max(json_extract(x.value, '$.usedAt')) as used, min(json_extract(x.value, '$.since')) as since
  from ${hostImages} h, json_each(h.images) x group by 1)`

/** Hosts let go of it, of those that said they have it. Disks made of it keep what they stand on. */
async function forget(ctx: Ctx, digest?: string) {
  const [rows] = await ctx.read(q.select().from(hostImages))
  for (const { host, images } of rows) {
    const some: ImageBytes[] = images.filter((i) => !digest || i.digest === digest).map(({ digest, format }) => ({ digest, format }))
    if (some.length) enqueue(ctx, { host, kind: 'image.forget', args: { images: some }, lane: `forget:${host}` })
  }
}
/** What has not begun does not begin. */
const unqueue = (ctx: Ctx, id?: string) => ctx.stage(q.update(job).set({ state: 'cancelled', updatedAt: ctx.now() })
  .where(and(eq(job.kind, 'image.fetch'), eq(job.state, 'queued'), id ? eq(job.lane, `image:${id}`) : undefined)))

export const list = endpoint({
  id: 'cache.list', method: 'GET', path: '/cache', status: 200, policy: 'cache_list', summary: 'List images that hosts have at hand (hits: disks that stand on them), and those they are fetching ahead of need',
  async handle(ctx) {
    const [images, going] = await ctx.read(
      q.all<{ id: string; size: number; hits: number; used: number; since: number }>(sql`select i.id as id, i.size as size, k.hits as hits, k.used as used, k.since as since from ${kept} k join ${image} i on substr(i.sha512, 1, 64) = k.digest order by i.id`), fetching())
    return {
      cached_images: (images as unknown as { id: string; size: number; hits: number; used: number; since: number }[]).map((i) => ({ image_id: i.id, hits: i.hits, last_accessed: i.used, last_modified: i.since, size: i.size })),
      queued_images: [...new Set(going.map((g) => g.image))],
    }
  },
})

export const queue = endpoint({
  id: 'cache.queue', method: 'PUT', path: '/cache/{image}', status: 202, policy: 'cache_image', summary: 'Have every host that is up fetch an image, so that disks are made of it at once',
  async handle(ctx, { params }) {
    const [rows, hosts, going] = await ctx.read(imageQuery(ctx, params.image), able(ctx), fetching())
    if (!rows.length) throw missing(params.image)
    fetchOn(ctx, usableImage(rows, params.image), hosts, going)
  },
})

export const remove = endpoint({
  id: 'cache.delete', method: 'DELETE', path: '/cache/{image}', status: 204, policy: 'cache_delete', summary: 'Have hosts let go of an image, or not fetch it ahead of need',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(imageQuery(ctx, params.image))
    if (!row) throw missing(params.image)
    unqueue(ctx, row.id)
    if (row.sha512) await forget(ctx, row.sha512.slice(0, 64))
  },
})

export const clear = endpoint({
  id: 'cache.clear', method: 'DELETE', path: '/cache', status: 204, policy: 'cache_delete', summary: 'Have hosts let go of all images, fetch none ahead of need, or both (x-image-cache-clear-target: cache, queue)',
  async handle(ctx, { request }) {
    const target = (request.headers.get('x-image-cache-clear-target') ?? '').toLowerCase()
    if (!['', 'cache', 'queue'].includes(target)) throw invalid("If provided 'x-image-cache-clear-target' must be 'cache' or 'queue'.")
    if (target !== 'cache') unqueue(ctx)
    if (target !== 'queue') await forget(ctx)
  },
})
