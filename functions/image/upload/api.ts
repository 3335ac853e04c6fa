import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { image, imageTask } from '../../../schema/image.ts'
import { Bytes } from '../../kernel/bytes.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { conflict, Fault, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { findImage } from '../images/find.ts'
import { IMPORT_METHODS } from '../images/model.ts'
import { endpoint } from '../service.ts'
import { receive } from './receive.ts'

export const upload = endpoint({
  id: 'images.upload', method: 'PUT', path: '/images/{image}/file', status: 204, policy: 'upload_image', raw: true, summary: 'Upload an image\'s data',
  handle: (ctx, input) => receive(ctx, input, { status: 'active' }),
})

export const stage = endpoint({
  id: 'images.stage', method: 'PUT', path: '/images/{image}/stage', status: 204, policy: 'upload_image', raw: true, summary: 'Upload data to be imported',
  handle: (ctx, input) => receive(ctx, input, { status: 'uploading' }),
})

export const download = endpoint({
  id: 'images.download', method: 'GET', path: '/images/{image}/file', status: 200, policy: 'download_image', summary: 'Download an image\'s data',
  async handle(ctx, { params, request }) {
    const { image: row } = await findImage(ctx, params.image, 'download_image')
    if (row.status === 'deactivated' && !ctx.caller.admin) throw forbidden('The requested image has been deactivated. Image data download is forbidden.')
    if (!row.blob || !row.size) return new Response(null, { status: 204, headers: { 'content-type': 'application/octet-stream' } })
    const range = rangeOf(request, row.size)
    const answer = await new Bytes(ctx.env, ctx.world).get(row.blob, range && `bytes=${range.from}-${range.to}`)
    const headers = new Headers({ 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes', 'content-length': String(range ? range.to - range.from + 1 : row.size) })
    if (range) headers.set('content-range', `bytes ${range.from}-${range.to}/${row.size}`)
    else if (row.md5) headers.set('content-md5', row.md5)
    return new Response(answer.body, { status: range ? 206 : 200, headers })
  },
})

function rangeOf(request: Request, size: number): { from: number; to: number } | undefined {
  const text = request.headers.get('range')
  if (!text) return undefined
  const m = /^bytes=(\d*)-(\d*)$/.exec(text.trim())
  const [from, to] = !m || (!m[1] && !m[2]) ? [NaN, NaN] : m[1] ? [Number(m[1]), m[2] ? Math.min(Number(m[2]), size - 1) : size - 1] : [Math.max(0, size - Number(m[2])), size - 1]
  if (!(from <= to) || from >= size) throw new Fault('invalid', `The range ${text.slice(0, 100)} is not within the ${size} bytes of the image.`, { status: 416, headers: { 'content-range': `bytes */${size}` } })
  return { from, to }
}

export const importImage = endpoint({
  id: 'images.import', method: 'POST', path: '/images/{image}/import', status: 202, policy: 'upload_image', summary: 'Make staged data the image\'s own',
  body: { '2.0': t.Object({ method: t.Object({ name: t.String(), uri: t.Optional(t.String()) }), all_stores: t.Optional(t.Boolean()), all_stores_must_succeed: t.Optional(t.Boolean()), stores: t.Optional(t.Array(t.String())) }) },
  async handle(ctx, { params, body }) {
    const { image: row } = await findImage(ctx, params.image, 'upload_image')
    const { name } = body.method
    if (!IMPORT_METHODS.includes(name)) throw invalid(`Import method ${name.slice(0, 64)} is not offered here; ${IMPORT_METHODS.join(', ')} is. Upload the data instead.`)
    if (row.status !== 'uploading' || !row.attempt) throw conflict(`Image status transition from ${row.status} to importing is not allowed; stage its data first.`)
    if (!row.diskFormat || !row.containerFormat) throw conflict('\'disk_format\' and \'container_format\' needs to be set before import')
    for (const s of body.stores ?? []) if (s !== 's3') throw conflict(`Store ${s.slice(0, 64)} is not known; there is s3.`)
    const now = ctx.now(), task = ctx.uuid()
    ctx.stage(q.update(image).set({ status: 'active', blob: row.attempt, attempt: null, attemptAt: null, updatedAt: now }).where(and(eq(image.id, row.id), eq(image.attempt, row.attempt), eq(image.status, 'uploading'))), 'stale')
    ctx.stage(q.insert(imageTask).values({
      id: task, type: 'api_image_import', status: 'success', image: row.id, owner: row.owner ?? ctx.project, user: ctx.caller.user.id, requestId: ctx.requestId, message: `Copied ${Math.ceil((row.size ?? 0) / 2 ** 20)} MiB`,
      input: { image_id: row.id, import_req: body, backend: ['s3'] }, result: {}, expiresAt: now + seconds(48 * 3600), createdAt: now, updatedAt: now,
    }))
    ctx.event('image.activate', row.id, undefined, row.owner)
    ctx.headers.set('openstack-image-import-methods', IMPORT_METHODS.join(','))
    return new Response(null, { status: 202 })
  },
})

/** Another store's copy cannot be removed where there is one store. */
export const deleteFromStore = endpoint({
  id: 'stores.delete', method: 'DELETE', path: '/stores/{store}/{image}', status: 204, policy: 'stores_info', summary: 'Remove an image from one store',
  async handle(ctx, { params }) {
    if (params.store !== 's3') throw notFound('store', params.store, `There is no store ${params.store}.`)
    await findImage(ctx, params.image, 'delete_image')
    throw forbidden('The image is in this one store only; delete the image instead.')
  },
})
