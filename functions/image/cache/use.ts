import { and, eq, gte, inArray, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { job } from '../../../schema/kernel.ts'
import { SILENCE } from '../../hosts/up.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { enqueue } from '../../kernel/queue.ts'
import { imageRefOf, type UsableImage } from '../images/use.ts'

/** Whoever boots goes first. */
const LATER = 8

/** Hosts that could fetch an image now; of these, when some are meant. */
export const able = (ctx: Ctx, only?: string[]) => q.select({ id: host.id }).from(host).where(and(eq(host.forcedDown, false), gte(host.seenAt, ctx.now() - SILENCE), only ? inArray(host.id, only) : undefined))
/** What hosts are fetching ahead of need, or are going to. */
export const fetching = () => q.select({ job: job.id, host: job.host, state: job.state, image: sql<string>`json_extract(${job.args}, '$.image.id')` }).from(job).where(and(inArray(job.state, ['queued', 'running']), eq(job.kind, 'image.fetch')))

/** These hosts fetch it, unless they are at it already. */
export function fetchOn(ctx: Ctx, image: UsableImage, hosts: { id: string }[], going: { host: string; image: string }[]) {
  for (const { id } of hosts) {
    if (!going.some((g) => g.host === id && g.image === image.id)) enqueue(ctx, { host: id, kind: 'image.fetch', args: { image: imageRefOf(image) }, lane: `image:${image.id}`, priority: LATER })
  }
}
