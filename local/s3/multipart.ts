import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { iso, naming, owner } from './buckets.ts'
import { keptFrom, mayWrite, whole } from './conditions.ts'
import { bytes, discard, noBody, reply, xmlBody, type Ctx } from './context.ts'
import { badArgument, Fault, malformedXml, notImplemented } from './fault.ts'
import { announced, partsOf, sourceOf } from './objects.ts'
import { newId, type Part, type Stored, type Upload } from './store.ts'
import { children, document, textOf, type Node } from './xml.ts'

const smallest = 5 << 20

export async function createUpload(ctx: Ctx) {
  const { bucket, key, store } = ctx
  await noBody(ctx)
  const kept = JSON.stringify(keptFrom(ctx.req.headers))
  const id = newId()
  store.commit(() => {
    store.bucket(bucket)
    store.run('insert into upload values (?, ?, ?, ?, ?)', id, bucket, key, kept, Date.now())
  })
  reply(ctx, 200, document('InitiateMultipartUploadResult', [['Bucket', bucket], ['Key', key.toString()], ['UploadId', id]]))
}

const uploadOf = (ctx: Ctx): Upload => ctx.store.upload(ctx.query.get('uploadId') ?? '', ctx.bucket, ctx.key)

async function keepPart(ctx: Ctx, source: AsyncIterable<Buffer>): Promise<{ etag: string; modified: number }> {
  const { query, store } = ctx
  const number = query.get('partNumber') ?? ''
  if (!/^\d{1,5}$/.test(number) || Number(number) < 1 || Number(number) > 10_000) throw badArgument('Part number must be an integer between 1 and 10000, inclusive')
  const { id } = uploadOf(ctx)
  const blob = await store.blobs.write(source)
  const modified = Date.now()
  try {
    discard(store, store.commit(() => {
      uploadOf(ctx)
      const before = store.one('select blob from part where upload = ? and number = ?', id, Number(number))
      store.run('insert or replace into part values (?, ?, ?, ?, ?, ?)', id, Number(number), blob.name, blob.size, blob.md5, modified)
      return before ? [before.blob as string] : []
    }))
  } catch (e) {
    discard(store, [blob.name])
    throw e
  }
  return { etag: blob.md5, modified }
}

export async function uploadPart(ctx: Ctx) {
  announced(ctx)
  const { etag } = await keepPart(ctx, bytes(ctx))
  reply(ctx, 200, '', { etag: `"${etag}"` })
}

export async function copyPart(ctx: Ctx) {
  await noBody(ctx)
  const { object, done } = sourceOf(ctx)
  try {
    const header = ctx.req.headers['x-amz-copy-source-range'] as string | undefined
    const [, from, to] = header === undefined ? ['', '0', String(object.size - 1)] : /^bytes=(\d+)-(\d+)$/.exec(header) ?? []
    if (from === undefined || Number(to) >= object.size || (Number(from) > Number(to) && object.size > 0)) {
      throw badArgument('The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of bytes the source has')
    }
    const { etag, modified } = await keepPart(ctx, read(ctx, object, Number(from), Number(to)))
    reply(ctx, 200, document('CopyPartResult', [['LastModified', iso(modified)], ['ETag', `"${etag}"`]]))
  } finally { done() }
}

async function* read(ctx: Ctx, object: Stored, start: number, end: number): AsyncGenerator<Buffer> {
  for (const part of partsOf(ctx.store, object, start, end)) yield* createReadStream(part.path, { start: part.start, end: part.end, highWaterMark: 256 << 10 })
}

export async function completeUpload(ctx: Ctx) {
  const { bucket, key, store } = ctx
  const id = ctx.query.get('uploadId') ?? ''
  store.bucket(bucket)
  const body = await xmlBody(ctx, 'CompleteMultipartUpload')
  const listed = children(body, 'Part').map((p) => ({ number: Number(textOf(p, 'PartNumber')), etag: textOf(p, 'ETag')?.trim().replace(/^"|"$/g, '') }))
  if (!listed.length || listed.some((p) => !Number.isInteger(p.number) || !p.etag)) throw malformedXml('parts with PartNumber and ETag expected')
  if (listed.some((p, i) => i && p.number <= listed[i - 1].number)) throw new Fault(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')

  let etag = ''
  const freed = store.commit(() => {
    const now = store.object(bucket, key)
    if (now && now.upload === id) {   // the answer was lost and the client asks again
      etag = now.etag
      return []
    }
    const upload = store.upload(id, bucket, key)
    mayWrite(ctx.req.headers, now)
    const have = new Map((store.all('select * from part where upload = ?', id) as Part[]).map((p) => [p.number, p]))
    const parts = listed.map(({ number, etag }) => {
      const part = have.get(number)
      if (!part || part.etag !== etag) throw new Fault(400, 'InvalidPart', `One or more of the specified parts could not be found, or did not match its entity tag: ${number}`)
      have.delete(number)
      return part
    })
    if (parts.slice(0, -1).some((p) => p.size < smallest)) throw new Fault(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed object size: only the last part may be under 5 MiB.')
    const md5 = createHash('md5')
    for (const part of parts) md5.update(part.etag, 'hex')
    etag = `${md5.digest('hex')}-${parts.length}`
    const object = { key, content: newId(), size: parts.reduce((sum, p) => sum + p.size, 0), etag, modified: Date.now(), kept: upload.kept, upload: id }
    const replaced = store.put(bucket, object, parts.map((p) => ({ name: p.blob, size: p.size })))
    store.dropUpload(id)
    return [...replaced, ...parts.filter((p) => p.size === 0).map((p) => p.blob), ...[...have.values()].map((p) => p.blob)]
  })
  discard(store, freed)
  reply(ctx, 200, document('CompleteMultipartUploadResult', [['Location', `/${bucket}/${key}`], ['Bucket', bucket], ['Key', key.toString()], ['ETag', `"${etag}"`]]))
}

export async function abortUpload(ctx: Ctx) {
  await noBody(ctx)
  const { store } = ctx
  discard(store, store.commit(() => store.dropUpload(uploadOf(ctx).id)))
  reply(ctx, 204)
}

export function listParts(ctx: Ctx) {
  const { bucket, key, query, store } = ctx
  const { id } = uploadOf(ctx)
  const most = whole(query.get('max-parts'), 'max-parts', 0, 1000, 1000)
  const after = whole(query.get('part-number-marker'), 'part-number-marker', 0, 10_000, 0)
  const say = naming(ctx)
  const rows = store.all('select * from part where upload = ? and number > ? order by number limit ?', id, after, most + 1) as Part[]
  const parts = rows.slice(0, most)
  reply(ctx, 200, document('ListPartsResult', [
    ['Bucket', bucket], ['Key', say(key)], ['UploadId', id], ['Initiator', owner], ['Owner', owner], ['StorageClass', 'STANDARD'], ['PartNumberMarker', after],
    ...(parts.length ? [['NextPartNumberMarker', parts[parts.length - 1].number]] as Node[] : []), ['MaxParts', most], ['IsTruncated', most > 0 && rows.length > most],
    ...parts.map((p): Node => ['Part', [['PartNumber', p.number], ['LastModified', iso(p.modified)], ['ETag', `"${p.etag}"`], ['Size', p.size]]]),
  ]))
}

export function listUploads(ctx: Ctx) {
  const { bucket, query, store } = ctx
  store.bucket(bucket)
  if (query.get('delimiter')) throw notImplemented('A delimiter in a list of uploads')
  const say = naming(ctx)
  const prefix = Buffer.from(query.get('prefix') ?? ''), marker = Buffer.from(query.get('key-marker') ?? ''), idMarker = query.get('upload-id-marker') ?? ''
  const most = whole(query.get('max-uploads'), 'max-uploads', 0, 1000, 1000)
  // Without an upload id the marker's own key is done with.
  const rows = store.all(
    `select * from upload where bucket = ?1 and key >= ?2 and substr(key, 1, ?3) = ?2 and (key > ?4 or (?5 <> '' and key = ?4 and id > ?5)) order by key, id limit ?6`,
    bucket, prefix, prefix.length, marker, idMarker, most + 1,
  ) as Upload[]
  const page = rows.slice(0, most), last = page.at(-1)
  const truncated = most > 0 && rows.length > most
  reply(ctx, 200, document('ListMultipartUploadsResult', [
    ['Bucket', bucket], ['KeyMarker', say(marker)], ['UploadIdMarker', idMarker], ['Prefix', say(prefix)],
    ...(truncated && last ? [['NextKeyMarker', say(last.key)], ['NextUploadIdMarker', last.id]] as Node[] : []),
    ['MaxUploads', most], ['IsTruncated', truncated], ...(query.has('encoding-type') ? [['EncodingType', 'url']] as Node[] : []),
    ...page.map((u): Node => ['Upload', [['Key', say(u.key)], ['UploadId', u.id], ['Initiator', owner], ['Owner', owner], ['StorageClass', 'STANDARD'], ['Initiated', iso(u.started)]]]),
  ]))
}
