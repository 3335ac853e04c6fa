import { discard, noBody, reply, xmlBody, type Ctx } from './context.ts'
import { whole } from './conditions.ts'
import { Fault, malformedXml, badArgument } from './fault.ts'
import { cursorOf, list, successor, tokenOf, type Cursor } from './listing.ts'
import { encode } from './sigv4.ts'
import { children, document, textOf, type Node } from './xml.ts'

export const owner: Node[] = [['ID', 'virga'], ['DisplayName', 'virga']]
export const iso = (ms: number) => new Date(ms).toISOString()

export function listBuckets(ctx: Ctx) {
  const all = ctx.store.all('select * from bucket order by name')
  reply(ctx, 200, document('ListAllMyBucketsResult', [
    ['Owner', owner], ['Buckets', all.map((b): Node => ['Bucket', [['Name', b.name], ['CreationDate', iso(b.created)]]])],
  ]))
}

export async function createBucket(ctx: Ctx) {
  const { bucket, store } = ctx
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || bucket.includes('..') || /^\d+\.\d+\.\d+\.\d+$/.test(bucket)) {
    throw new Fault(400, 'InvalidBucketName', 'The specified bucket is not valid.')
  }
  if (Number(ctx.req.headers['content-length'] ?? 0) > 0) await xmlBody(ctx, 'CreateBucketConfiguration')
  else await noBody(ctx)
  store.commit(() => {
    if (!store.run('insert or ignore into bucket values (?, ?)', bucket, Date.now())) {
      throw new Fault(409, 'BucketAlreadyOwnedByYou', 'Your previous request to create the named bucket succeeded and you already own it.')
    }
  })
  reply(ctx, 200, '', { location: `/${bucket}` })
}

export async function deleteBucket(ctx: Ctx) {
  const { bucket, store } = ctx
  await noBody(ctx)
  discard(store, store.commit(() => {
    store.bucket(bucket)
    if (store.one('select 1 from object where bucket = ? limit 1', bucket)) throw new Fault(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty.')
    const files = store.all('select id from upload where bucket = ?', bucket).flatMap((u) => store.dropUpload(u.id))
    store.run('delete from bucket where name = ?', bucket)
    return files
  }))
  reply(ctx, 204)
}

export function headBucket(ctx: Ctx) {
  ctx.store.bucket(ctx.bucket)
  reply(ctx, 200)
}
export function location(ctx: Ctx) {
  ctx.store.bucket(ctx.bucket)
  reply(ctx, 200, document('LocationConstraint', []))
}
export function versioning(ctx: Ctx) {
  ctx.store.bucket(ctx.bucket)
  reply(ctx, 200, document('VersioningConfiguration', []))
}

/** How names appear in a listing: as they are, or percent-encoded when the client asks for it. */
export function naming(ctx: Ctx): (name: Buffer | string) => string {
  const type = ctx.query.get('encoding-type')
  if (type !== undefined && type !== 'url') throw badArgument('Invalid Encoding Method specified in Request')
  return type ? (name) => encode(name.toString()).replaceAll('%2F', '/') : (name) => name.toString()
}

export function listObjects(ctx: Ctx) {
  const { bucket, query, store } = ctx
  store.bucket(bucket)
  const say = naming(ctx)
  const two = query.get('list-type')
  if (two !== undefined && two !== '2') throw badArgument('list-type must be 2')
  const prefix = Buffer.from(query.get('prefix') ?? ''), delimiter = Buffer.from(query.get('delimiter') ?? '')
  const most = whole(query.get('max-keys'), 'max-keys', 0, 1000, 1000)
  const token = query.get('continuation-token'), after = query.get(two ? 'start-after' : 'marker')
  const from = two && token !== undefined ? cursorOf(token) : after ? startOf(Buffer.from(after), prefix, delimiter) : undefined
  const page = list(store, bucket, prefix, delimiter, from, most)
  const next = page.next && ('after' in page.next ? page.next.after : page.next.beyond)
  const mine: Node[] = !two || query.get('fetch-owner') === 'true' ? [['Owner', owner]] : []
  reply(ctx, 200, document('ListBucketResult', [
    ['Name', bucket], ['Prefix', say(prefix)],
    ...(two
      ? [['KeyCount', page.objects.length + page.prefixes.length], ...(after !== undefined ? [['StartAfter', say(after)]] : []),
        ...(token !== undefined ? [['ContinuationToken', token]] : []), ...(page.next ? [['NextContinuationToken', tokenOf(page.next)]] : [])] as Node[]
      : [['Marker', say(after ?? '')], ...(next ? [['NextMarker', say(next)]] : [])] as Node[]),
    ['MaxKeys', most], ...(delimiter.length ? [['Delimiter', say(delimiter)]] as Node[] : []),
    ...(query.has('encoding-type') ? [['EncodingType', 'url']] as Node[] : []),
    ['IsTruncated', page.next !== undefined],
    ...page.objects.map((o): Node => ['Contents', [['Key', say(o.key)], ['LastModified', iso(o.modified)], ['ETag', `"${o.etag}"`], ['Size', o.size], ...mine, ['StorageClass', 'STANDARD']]]),
    ...page.prefixes.map((p): Node => ['CommonPrefixes', [['Prefix', say(p)]]]),
  ]))
}

/** A marker that is itself a common prefix (as NextMarker may be) means everything below it, too. */
function startOf(after: Buffer, prefix: Buffer, delimiter: Buffer): Cursor {
  const at = delimiter.length && after.subarray(0, prefix.length).equals(prefix) ? after.indexOf(delimiter, prefix.length) : -1
  return at >= 0 && at + delimiter.length === after.length && successor(after) ? { beyond: after } : { after }
}

export async function deleteObjects(ctx: Ctx) {
  const { bucket, store } = ctx
  store.bucket(bucket)
  const body = await xmlBody(ctx, 'Delete')
  const quiet = textOf(body, 'Quiet')?.trim() === 'true'
  const wanted = children(body, 'Object').map((o) => {
    const key = textOf(o, 'Key')
    if (!key) throw malformedXml('Object needs a Key')
    return { key, version: textOf(o, 'VersionId') }
  })
  if (!wanted.length || wanted.length > 1000) throw malformedXml('between 1 and 1000 objects')
  const answers: Node[] = []
  discard(store, store.commit(() => wanted.flatMap(({ key, version }) => {
    if (version && version !== 'null') {
      answers.push(['Error', [['Key', key], ['VersionId', version], ['Code', 'NoSuchVersion'], ['Message', 'There are no versions here.']]])
      return []
    }
    if (!quiet) answers.push(['Deleted', [['Key', key]]])
    return store.drop(bucket, Buffer.from(key))
  })))
  reply(ctx, 200, document('DeleteResult', answers))
}
