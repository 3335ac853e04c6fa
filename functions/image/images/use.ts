import { and, eq, exists, inArray, or, sql, type SQL } from 'drizzle-orm'
import { image, imageMember } from '../../../schema/image.ts'
import { discard } from '../../../schema/kernel.ts'
import type { JobArgs } from '../../../schema/jobs.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { invalid } from '../../kernel/fault.ts'
import { imageKey } from '../keys.ts'

/** What other services do with images. Rules belong to the calling service; visibility is decided here. */
export type ImageRow = typeof image.$inferSelect
/** An image a host can make a disk from. */
export interface UsableImage extends ImageRow { diskFormat: 'raw' | 'qcow2'; size: number; sha512: string; virtualSize: number }

/** Images the caller may know by id: own, public, community, and shared with the project. */
export function visibleImages(ctx: Ctx): SQL | undefined {
  const caller = ctx.anyone
  if (!caller || caller.admin) return undefined
  const project = caller.project?.id ?? ''
  return or(eq(image.owner, project), inArray(image.visibility, ['public', 'community']),
    and(eq(image.visibility, 'shared'), exists(q.select({ one: sql`1` }).from(imageMember).where(and(eq(imageMember.image, image.id), eq(imageMember.member, project))))))
}

export const imageQuery = (ctx: Ctx, id: string) => q.select().from(image).where(and(eq(image.id, id), visibleImages(ctx)))

/** The image of these rows if a host can make a disk from it; 400 saying why it cannot. */
export function usableImage(rows: ImageRow[], id: string): UsableImage {
  const row = rows.find((r) => r.id === id)
  if (!row) throw invalid(`Can not find requested image ${id}.`, { type: 'ImageNotFound', noun: 'image', id })
  if (row.status !== 'active') throw invalid(`Image ${id} is not active.`, { type: 'ImageNotActive', noun: 'image', id })
  if ((row.diskFormat !== 'raw' && row.diskFormat !== 'qcow2') || row.containerFormat !== 'bare') {
    throw invalid(`Image ${id} has disk format ${row.diskFormat} in container ${row.containerFormat}; disks are made from raw and qcow2 images in container bare. Convert it and upload it again.`, { type: 'ImageUnacceptable' })
  }
  if (!row.size || !row.sha512) throw invalid(`Image ${id} holds no data.`, { type: 'ImageUnacceptable' })
  return { ...row, virtualSize: row.virtualSize ?? row.size } as UsableImage
}

/** The least disk, in GiB, that an image's content fits on. */
export const imageGb = (i: UsableImage) => Math.max(i.minDisk, Math.ceil(i.virtualSize / 2 ** 30))
/** An image as a job names it. */
export const imageRefOf = (i: UsableImage): Extract<JobArgs<'disk.create'>['source'], { image: unknown }>['image'] => ({ id: i.id, format: i.diskFormat, size: i.size, sha512: i.sha512 })

export interface NewImage {
  id: string; name: string; diskFormat: string; containerFormat?: string; minDisk?: number; minRam?: number
  properties?: Record<string, string>; owner: string | null; visibility?: ImageRow['visibility']
}

/** An image whose bytes a host will write (`disk.upload`); its saga sees to the end of it. */
export function stageImage(ctx: Ctx, i: NewImage): ImageRow {
  const now = ctx.now()
  const row: ImageRow = {
    id: i.id, name: i.name, owner: i.owner, status: 'saving', visibility: i.visibility ?? 'private', protected: false, hidden: false,
    diskFormat: i.diskFormat, containerFormat: i.containerFormat ?? 'bare', minDisk: i.minDisk ?? 0, minRam: i.minRam ?? 0, properties: i.properties ?? {},
    size: null, virtualSize: null, md5: null, sha512: null, blob: null, attempt: null, attemptUpload: null, attemptBytes: 0, attemptAt: null, createdAt: now, updatedAt: now,
  }
  ctx.stage(q.insert(image).values(row))
  ctx.event('image.create', i.id, undefined, i.owner)
  return row
}

/** The bytes are there. If the image was deleted meanwhile, nobody wants them. */
export function completeImage(ctx: Ctx, id: string, bytes: { size: number; virtualSize: number; md5: string; sha512: string }) {
  const key = imageKey(id), now = ctx.now()
  ctx.stage(q.update(image).set({ ...bytes, status: 'active', blob: key, updatedAt: now }).where(and(eq(image.id, id), inArray(image.status, ['queued', 'saving']))))
  ctx.stage(q.run(sql`insert or ignore into ${discard} (key, until) select ${key}, ${now} where not exists (select 1 from ${image} where id = ${id})`))
  ctx.event('image.activate', id)
}

/** The bytes will not come: the image stays, killed, with the reason among its properties. */
export function failImage(ctx: Ctx, id: string, why: string) {
  const now = ctx.now()
  ctx.stage(q.update(image).set({ status: 'killed', updatedAt: now, properties: sql`json_set(${image.properties}, '$.failure', ${why.slice(0, 255)})` as never })
    .where(and(eq(image.id, id), inArray(image.status, ['queued', 'saving']))))
  ctx.stage(q.insert(discard).values({ key: imageKey(id), until: now + seconds(7200) }).onConflictDoNothing())
  ctx.event('image.kill', id, { why })
}
