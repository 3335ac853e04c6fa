import { and, eq, type SQL } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import { event } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { guardQuery, q, type Query } from '../../kernel/db.ts'
import { drop, removeNow } from '../../kernel/discard.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { conflict, Fault, invalid, Stale, tooLarge } from '../../kernel/fault.ts'
import { allowed, oneImage } from '../images/find.ts'
import type { ImageRow } from '../images/use.ts'
import { Inspector } from '../inspect/inspector.ts'
import { attemptKey } from '../keys.ts'
import { EMPTY } from './discard.ts'
import { imageUsage, stillWithin, withinQuota } from './quota.ts'
import { storeBody, type Stored } from './store.ts'

/** Whether a host could ever open it: then its content is looked at. Other containers are kept as they are. */
const inspected = (i: ImageRow) => i.containerFormat === 'bare' || i.containerFormat === null

/**
 * Takes an image's bytes: the row is marked, the bytes stream to a key of this attempt, and only then the row points at
 * them. This is the one kind of request that writes as it goes: a mark to be seen by, and the end. Nothing is staged.
 */
export async function receive(ctx: Ctx, { params, request }: Input, options: { status: 'active' | 'uploading' }): Promise<void> {
  const id = params.image
  const [rows, usage] = await ctx.read(oneImage(ctx, id), imageUsage(ctx.caller.project?.id ?? ''))
  const { image: row } = allowed(ctx, rows, id, 'upload_image')
  if ((request.headers.get('content-type') ?? '').split(';')[0].trim() !== 'application/octet-stream') throw new Fault('media', 'Image data is taken as application/octet-stream only.')
  if (row.status !== 'queued') throw conflict(`Image status transition from ${row.status} to saving is not allowed`)
  if (!row.diskFormat || !row.containerFormat) throw invalid('Properties disk_format, container_format must be set prior to saving data.')
  const length = lengthOf(request)
  // An admin's upload to another project's image is measured as it moves.
  if (row.owner === ctx.caller.project?.id) withinQuota(usage, length ?? 0)
  const key = attemptKey(id, ctx.uuid()), mine = and(eq(image.id, id), eq(image.attempt, key))
  const { db } = ctx.basis
  try {
    await db.write([q.update(image).set({ status: 'saving', attempt: key, attemptUpload: null, attemptBytes: 0, attemptAt: ctx.now(), updatedAt: ctx.now() }).where(and(eq(image.id, id), eq(image.status, 'queued'))), guardQuery('stale')])
  } catch (e) {
    if (e instanceof Stale) throw conflict('Image status transition from saving to saving is not allowed')
    throw e
  }
  let stored: Stored
  try {
    stored = await storeBody(ctx, key, request.body ?? new Blob([]).stream(), {
      length, inspector: inspected(row) ? new Inspector(row.diskFormat) : undefined,
      async progress({ upload, bytes }) {
        const [, left, now] = await db.write([
          q.update(image).set({ attemptBytes: bytes, attemptUpload: upload ?? null, attemptAt: ctx.now() }).where(mine),
          q.select({ id: image.id }).from(image).where(mine), imageUsage(row.owner ?? ''),
        ]) as [unknown, unknown[], typeof usage]
        if (!left.length) throw gone()
        if (row.owner) withinQuota(now, 0)
      },
    })
  } catch (e) {
    const why = e instanceof Fault ? e.message : 'an unexpected error'
    await db.write([
      backToQueued(ctx, mine), drop(key, ctx.now()), told(ctx, 'image.upload.error', row, { why }),
    ])
    await removeNow(ctx.basis, key).catch(() => {})
    throw e
  }
  await settle(ctx, row, key, stored, options.status, mine)
}

/** The bytes are safe: now the row may say so, if it is still the one that was uploaded to. */
async function settle(ctx: Ctx, row: ImageRow, key: string, stored: Stored, status: 'active' | 'uploading', mine: SQL | undefined) {
  const { db } = ctx.basis, now = ctx.now()
  // Staged bytes are all there, digests too; only `import` makes them the image's.
  const place = status === 'active' ? { attempt: null, attemptAt: null, blob: key } : { attemptAt: now }
  try {
    await db.write([
      q.update(image).set({ ...stored, ...place, attemptUpload: null, attemptBytes: 0, status, updatedAt: now }).where(mine), guardQuery('stale'),
      ...(row.owner ? [stillWithin(row.owner)] : []), told(ctx, status === 'active' ? 'image.activate' : 'image.stage', row, { size: stored.size }), told(ctx, ctx.basis.action, row),
    ])
  } catch (e) {
    if (!(e instanceof Stale)) throw e
    const over = e.guard === 'quota'
    await db.write([drop(key, now), ...(over ? [backToQueued(ctx, mine)] : [])])
    await removeNow(ctx.basis, key).catch(() => {})
    throw over ? tooLarge(`The size of the data ${stored.size} will exceed the limit of the project.`) : gone()
  }
}

const backToQueued = (ctx: Ctx, mine: SQL | undefined): Query =>
  q.update(image).set({ ...EMPTY, updatedAt: ctx.now() }).where(mine)
const gone = () => new Fault('conflict', 'Image could not be found after upload. The image may have been deleted during the upload; its bytes were removed.', { status: 410 })

function lengthOf(request: Request): number | undefined {
  const text = request.headers.get('content-length')
  if (text === null) return undefined
  if (!/^\d+$/.test(text)) throw invalid('Content-Length is not a number.')
  return Number(text)
}

const told = (ctx: Ctx, action: string, i: ImageRow, detail?: Record<string, unknown>): Query =>
  q.insert(event).values({ at: ctx.now(), action, resource: i.id, project: i.owner, user: ctx.anyone?.user.id ?? null, requestId: ctx.requestId, detail: detail ?? null })
