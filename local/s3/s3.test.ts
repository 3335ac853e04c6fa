import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serveS3, type Served } from './serve.ts'
import { chunks, hash, signed, type Ask } from './signing.test-kit.ts'

const dir = mkdtempSync(join(tmpdir(), 'virga-s3-'))
const aws = new AwsClient({ accessKeyId: 'AK', secretAccessKey: 'SK', service: 's3', region: 'us-east-1', retries: 0 })
let served: Served

beforeAll(async () => {
  served = await serveS3({ dir, port: 0, accessKey: 'AK', secretKey: 'SK' })
  expect((await s3('PUT', '/bbb')).status).toBe(200)
})
// By a list in XML, since a URL could not name keys such as `..`.
beforeEach(async () => {
  const { all } = await keys()
  if (!all.length) return
  const escape = (key: string) => key.replace(/[^\w/.]/gu, (c) => `&#${c.codePointAt(0)};`)
  await s3('POST', '/bbb?delete', `<Delete><Quiet>true</Quiet>${all.map((key) => `<Object><Key>${escape(key)}</Key></Object>`).join('')}</Delete>`)
  expect((await keys()).all).toEqual([])
  await expect.poll(files).toBe(0)
})
afterAll(async () => {
  await served.close()
  rmSync(dir, { recursive: true })
})

const path = (key: string) => '/bbb/' + key.split('/').map((p) => encodeURIComponent(p).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/')
const s3 = (method: string, at: string, body?: BodyInit, headers?: Record<string, string>) => aws.fetch(served.url + at, { method, body, headers })
const said = async (r: Response | Promise<Response>) => {
  const got = await r, text = await got.text()
  return { status: got.status, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text }
}
const decode = (s: string) => decodeURIComponent(s)
async function keys(query = '') {
  const { text, status } = await said(s3('GET', `/bbb?list-type=2&encoding-type=url${query}`))
  expect(status).toBe(200)
  const all = [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map((m) => decode(m[1]))
  const prefixes = [...text.matchAll(/<CommonPrefixes><Prefix>(.*?)<\/Prefix>/g)].map((m) => decode(m[1]))
  return { all, prefixes, next: /<NextContinuationToken>(.*?)</.exec(text)?.[1], count: Number(/<KeyCount>(\d+)/.exec(text)![1]), text }
}
const files = () => readdirSync(join(dir, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).length
/** Sends exactly these bytes, where fetch would mend or refuse them. */
const raw = (ask: Omit<Ask, 'url'> & { path: string }, body: Buffer | string, extra: Record<string, string> = {}) => {
  const url = new URL(served.url + ask.path)
  const { headers } = signed({ ...ask, url })
  return rawSend(ask.method, ask.path, { ...headers, ...extra }, body)
}
const rawSend = (method: string, at: string, headers: Record<string, string>, body: Buffer | string) => new Promise<{ status: number; code?: string; text: string }>((done, failed) => {
  const r = request(served.url, { method, path: at, headers: { 'content-length': String(Buffer.byteLength(body)), ...headers } }, (m) => {
    let text = ''
    m.setEncoding('utf8').on('data', (d) => { text += d }).on('end', () => done({ status: m.statusCode!, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text }))
  })
  r.on('error', failed).end(body)
})

describe('objects', () => {
  test('bytes, type and metadata come back; a second put replaces both', async () => {
    const body = randomBytes(300_000)
    const put = await s3('PUT', '/bbb/o', body, { 'content-type': 'image/x', 'x-amz-meta-who': 'me', 'cache-control': 'no-store' })
    expect(put.headers.get('etag')).toBe(`"${createHash('md5').update(body).digest('hex')}"`)
    const got = await s3('GET', '/bbb/o')
    expect(Buffer.from(await got.arrayBuffer()).equals(body)).toBe(true)
    expect([got.headers.get('content-type'), got.headers.get('x-amz-meta-who'), got.headers.get('cache-control')]).toEqual(['image/x', 'me', 'no-store'])
    const before = files()
    await s3('PUT', '/bbb/o', 'x')
    const head = await s3('HEAD', '/bbb/o')
    expect([head.status, head.headers.get('content-length'), head.headers.get('x-amz-meta-who')]).toEqual([200, '1', null])
    await expect.poll(files).toBe(before)
    await s3('PUT', '/bbb/o', '')
    expect(await (await s3('GET', '/bbb/o')).text()).toBe('')
    await s3('DELETE', '/bbb/o')
    expect(await said(s3('GET', '/bbb/o'))).toMatchObject({ status: 404, code: 'NoSuchKey' })
    await expect.poll(files).toBe(0)
  })
  test('any key up to 1024 bytes is only a name', async () => {
    const odd = ['a', 'A', 'a/b', 'a/', 'a//b', '/lead', 'x'.repeat(1024), 'ä€💥', 'e\u0301', '\u00e9', '&<>"\'', ' ', 'plus+percent%25', '?#=;', '...', 'con.', 'ctl\u0001', '~*()!']
    for (const key of odd) expect((await s3('PUT', path(key), key)).status).toBe(200)
    for (const key of odd) expect(await (await s3('GET', path(key))).text()).toBe(key)
    expect((await keys()).all).toEqual(odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    expect(await said(s3('PUT', path('é'.repeat(513)), ''))).toMatchObject({ status: 400, code: 'KeyTooLongError' })
    // What a URL parser would fold away is sent by hand.
    for (const key of ['..', '../../etc/passwd', 'a/../b', '%2e%2e/x']) {
      const ask = { method: 'PUT', url: { host: new URL(served.url).host, pathname: `/bbb/${key.replace(/%2e/g, '.')}`, search: '' } as URL, payload: hash(key) }
      expect((await rawSend('PUT', `/bbb/${key}`, signed(ask).headers, key)).status).toBe(200)
    }
    expect((await keys('&prefix=..')).all).toEqual(['..', '...', '../../etc/passwd', '../x'])
    expect(readdirSync(dir).sort()).toEqual(expect.arrayContaining(['blobs', 'index.db']))
    expect(readdirSync(dir).every((name) => name === 'blobs' || name.startsWith('index.db'))).toBe(true)
  })
  test.each([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'], ['bytes=3-5', 206, '345', 'bytes 3-5/10'], ['bytes=8-99', 206, '89', 'bytes 8-9/10'], ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'], ['bytes=7-', 206, '789', 'bytes 7-9/10'], ['bytes=5-3', 200, '0123456789', null], ['lines=1-2', 200, '0123456789', null],
  ])('range %s', async (range, status, body, header) => {
    await s3('PUT', '/bbb/r', '0123456789')
    const r = await s3('GET', '/bbb/r', undefined, { range })
    expect([r.status, await r.text(), r.headers.get('content-range')]).toEqual([status, body, header])
  })
  test('a range that is not there is 416', async () => {
    await s3('PUT', '/bbb/r', '0123456789')
    for (const range of ['bytes=10-', 'bytes=-0']) {
      const r = await s3('GET', '/bbb/r', undefined, { range })
      expect([r.status, r.headers.get('content-range')]).toEqual([416, 'bytes */10'])
    }
  })
  test('conditional reads', async () => {
    const etag = (await s3('PUT', '/bbb/c', 'x')).headers.get('etag')!
    const read = async (headers: Record<string, string>) => (await s3('GET', '/bbb/c', undefined, headers)).status
    expect(await read({ 'if-none-match': etag })).toBe(304)
    expect(await read({ 'if-none-match': '"other"' })).toBe(200)
    expect(await read({ 'if-match': '"other"' })).toBe(412)
    expect(await read({ 'if-match': etag, 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).toBe(200)
    expect(await read({ 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).toBe(412)
    expect(await read({ 'if-modified-since': new Date(Date.now() + 1000).toUTCString() })).toBe(304)
    const half = await s3('GET', '/bbb/c', undefined, { range: 'bytes=0-0', 'if-range': '"other"' })
    expect(half.status).toBe(200)
  })
  test('If-None-Match: * lets one of many writers in, If-Match only who knows the present one', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => s3('PUT', '/bbb/once', `writer ${i}`, { 'if-none-match': '*' })))
    expect(all.map((r) => r.status).sort()).toEqual([200, ...Array(7).fill(412)])
    const winner = all.find((r) => r.ok)!
    expect((await s3('GET', '/bbb/once')).headers.get('etag')).toBe(winner.headers.get('etag'))
    expect((await s3('PUT', '/bbb/once', 'y', { 'if-match': '"stale"' })).status).toBe(412)
    expect((await s3('PUT', '/bbb/once', 'y', { 'if-match': winner.headers.get('etag')! })).status).toBe(200)
    expect((await s3('PUT', '/bbb/none', 'y', { 'if-match': '"x"' })).status).toBe(404)
    await expect.poll(files).toBe(1)
  })
  test('a copy has the bytes and survives its source; REPLACE gives new metadata', async () => {
    await s3('PUT', path('from ü+'), 'bytes', { 'x-amz-meta-a': '1' })
    const copy = (to: string, headers: Record<string, string> = {}) => s3('PUT', to, undefined, { 'x-amz-copy-source': path('from ü+'), ...headers })
    expect(await said(copy('/bbb/to'))).toMatchObject({ status: 200, text: expect.stringContaining('CopyObjectResult') })
    expect((await copy('/bbb/to2', { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-b': '2' })).status).toBe(200)
    expect(await said(copy('/bbb/to3', { 'x-amz-copy-source-if-match': '"no"' }))).toMatchObject({ status: 412 })
    expect(await said(copy(path('from ü+')))).toMatchObject({ status: 400, code: 'InvalidRequest' })
    await s3('DELETE', path('from ü+'))
    expect((await s3('GET', '/bbb/to')).headers.get('x-amz-meta-a')).toBe('1')
    const two = await s3('GET', '/bbb/to2')
    expect([await two.text(), two.headers.get('x-amz-meta-a'), two.headers.get('x-amz-meta-b')]).toEqual(['bytes', null, '2'])
    expect(files()).toBe(1)
  })
  test('a reader keeps what it began to read', async () => {
    const body = randomBytes(20 << 20)
    await s3('PUT', '/bbb/long', body)
    const r = await s3('GET', '/bbb/long')
    const reader = r.body!.getReader()
    const parts = [(await reader.read()).value!]
    await s3('PUT', '/bbb/long', 'new')
    for (;;) { const { done, value } = await reader.read(); if (done) break; parts.push(value) }
    expect(Buffer.concat(parts).equals(body)).toBe(true)
    await expect.poll(files).toBe(1)
  })
  test('response-* overrides', async () => {
    await s3('PUT', '/bbb/v', 'x')
    const r = await s3('GET', '/bbb/v?response-content-type=text%2Fcsv&response-content-disposition=attachment%3B%20filename%3D%22a%20b%22')
    expect([r.headers.get('content-type'), r.headers.get('content-disposition')]).toEqual(['text/csv', 'attachment; filename="a b"'])
    expect((await s3('GET', '/bbb/v?response-content-type=a%0D%0Ab')).status).toBe(400)
  })
})

describe('listing', () => {
  test('pages join up, with and without delimiter, in both versions', async () => {
    const names = ['a', 'b/1', 'b/2', 'b/3', 'b0', 'c/x/1', 'c/x/2', 'd', 'ü/1', '💥']
    for (const name of names) await s3('PUT', path(name), '')
    for (const size of [1, 2, 3, 10]) {
      let token = '', flat: string[] = [], groups: string[] = []
      do {
        const page = await keys(`&max-keys=${size}${token && `&continuation-token=${token}`}`)
        expect(page.count).toBeLessThanOrEqual(size)
        flat.push(...page.all); token = page.next ?? ''
      } while (token)
      expect(flat).toEqual(names)
      do {
        const page = await keys(`&delimiter=%2F&max-keys=${size}${token && `&continuation-token=${token}`}`)
        groups.push(...[...page.all, ...page.prefixes].sort()); token = page.next ?? ''
      } while (token)
      expect(groups.toSorted()).toEqual(['a', 'b/', 'b0', 'c/', 'd', 'ü/', '💥'].toSorted())
      let marker = '', one: string[] = []
      do {
        const { text } = await said(s3('GET', `/bbb?delimiter=%2F&max-keys=${size}&marker=${encodeURIComponent(marker)}`))
        one.push(...[...text.matchAll(/<Contents><Key>(.*?)<|<CommonPrefixes><Prefix>(.*?)</g)].map((m) => m[1] ?? m[2]))
        marker = /<NextMarker>(.*?)</.exec(text)?.[1] ?? ''
      } while (marker)
      expect(one.toSorted()).toEqual(groups.toSorted())
    }
    expect(await keys('&prefix=c%2F&delimiter=%2F')).toMatchObject({ all: [], prefixes: ['c/x/'] })
    expect((await keys('&start-after=b%2F2')).all).toEqual(names.slice(3))
    expect(await keys('&max-keys=0')).toMatchObject({ all: [], count: 0 })
    expect(await said(s3('GET', '/bbb?list-type=2&continuation-token=!'))).toMatchObject({ status: 400, code: 'InvalidArgument' })
    expect(await said(s3('GET', '/bbb?list-type=2&max-keys=x'))).toMatchObject({ status: 400, code: 'InvalidArgument' })
  })
  test('many are deleted at once, entities of XML understood, document types not', async () => {
    for (const key of ['p&q', '<r>', 'keep']) await s3('PUT', path(key), '')
    const remove = (xml: string) => said(s3('POST', '/bbb?delete', xml))
    const done = await remove('<Delete><Object><Key>p&amp;q</Key></Object><Object><Key>&#60;r&#x3e;</Key></Object><Object><Key>absent</Key></Object></Delete>')
    expect([done.status, done.text.match(/<Deleted>/g)?.length]).toEqual([200, 3])
    expect((await keys()).all).toEqual(['keep'])
    for (const bad of ['<!DOCTYPE d [<!ENTITY e "keep">]><Delete><Object><Key>&e;</Key></Object></Delete>', '<Delete><Object><Key>&e;</Key></Object></Delete>', '<Delete></Delete>', '<Delete>', '{}']) {
      expect(await remove(bad)).toMatchObject({ status: 400, code: 'MalformedXML' })
    }
    expect((await keys()).all).toEqual(['keep'])
  })
})

test('buckets', async () => {
  expect(await said(s3('PUT', '/bbb'))).toMatchObject({ status: 409, code: 'BucketAlreadyOwnedByYou' })
  expect(await said(s3('PUT', '/Bad_Name'))).toMatchObject({ status: 400, code: 'InvalidBucketName' })
  expect((await s3('HEAD', '/bbb')).status).toBe(200)
  expect((await s3('HEAD', '/other-one')).status).toBe(404)
  await s3('PUT', '/bucket2')
  await s3('PUT', '/bucket2/x', 'x')
  expect((await said(s3('GET', '/'))).text).toContain('<Name>bucket2</Name>')
  expect(await said(s3('DELETE', '/bucket2'))).toMatchObject({ status: 409, code: 'BucketNotEmpty' })
  await s3('DELETE', '/bucket2/x')
  expect((await s3('DELETE', '/bucket2')).status).toBe(204)
  expect(await said(s3('PUT', '/bucket2/x', 'x'))).toMatchObject({ status: 404, code: 'NoSuchBucket' })
  expect(await said(s3('GET', '/bbb?acl'))).toMatchObject({ status: 501, code: 'NotImplemented' })
  expect(await said(s3('PUT', '/bbb/x', 'x', { 'x-amz-acl': 'public-read' }))).toMatchObject({ status: 501, code: 'NotImplemented' })
})

describe('multipart', () => {
  const start = async (key = 'm') => /<UploadId>(.*?)</.exec((await said(s3('POST', `/bbb/${key}?uploads`, undefined, { 'content-type': 'image/m' }))).text)![1]
  const part = async (id: string, n: number, body: BodyInit, key = 'm') => (await s3('PUT', `/bbb/${key}?partNumber=${n}&uploadId=${id}`, body)).headers.get('etag')!
  const finish = (id: string, parts: [number, string][], key = 'm') => said(s3('POST', `/bbb/${key}?uploadId=${id}`,
    `<CompleteMultipartUpload>${parts.map(([n, e]) => `<Part><PartNumber>${n}</PartNumber><ETag>${e}</ETag></Part>`).join('')}</CompleteMultipartUpload>`))

  test('parts join in order of number; ranges cross them; asking again gives the same answer', async () => {
    const one = randomBytes(5 << 20), two = randomBytes(5 << 20), three = randomBytes(77)
    const id = await start()
    const e3 = await part(id, 9, three), e1 = await part(id, 1, one)
    await part(id, 2, 'to be replaced')
    const e2 = await part(id, 2, two)
    await part(id, 5, 'left out')
    expect((await said(s3('GET', `/bbb?uploads`))).text).toContain(id)
    const parts = (await said(s3('GET', `/bbb/m?uploadId=${id}&max-parts=2`))).text
    expect(parts).toMatch(/<NextPartNumberMarker>2<.*<IsTruncated>true</)
    expect(await finish(id, [[2, e2], [1, e1]])).toMatchObject({ status: 400, code: 'InvalidPartOrder' })
    expect(await finish(id, [[1, e2]])).toMatchObject({ status: 400, code: 'InvalidPart' })
    expect(await finish(id, [])).toMatchObject({ status: 400, code: 'MalformedXML' })
    const done = await finish(id, [[1, e1], [2, e2], [9, e3]])
    expect(done.text).toMatch(/<ETag>&quot;[0-9a-f]{32}-3&quot;<\/ETag>/)
    expect((await finish(id, [[1, e1], [2, e2], [9, e3]])).text).toBe(done.text)
    const whole = Buffer.concat([one, two, three]), got = await s3('GET', '/bbb/m')
    expect(Buffer.from(await got.arrayBuffer()).equals(whole)).toBe(true)
    expect(got.headers.get('content-type')).toBe('image/m')
    const [from, to] = [(5 << 20) - 3, (10 << 20) + 4]
    const ranged = await s3('GET', '/bbb/m', undefined, { range: `bytes=${from}-${to}` })
    expect(Buffer.from(await ranged.arrayBuffer()).equals(whole.subarray(from, to + 1))).toBe(true)
    await expect.poll(files).toBe(3)

    const copy = await start('n')
    const c = /&quot;(.*?)&quot;/.exec((await said(s3('PUT', `/bbb/n?partNumber=1&uploadId=${copy}`, undefined, { 'x-amz-copy-source': '/bbb/m', 'x-amz-copy-source-range': `bytes=${from}-${to}` }))).text)![1]
    expect(await finish(copy, [[1, c]], 'n')).toMatchObject({ status: 200 })
    expect(Buffer.from(await (await s3('GET', '/bbb/n')).arrayBuffer()).equals(whole.subarray(from, to + 1))).toBe(true)
  })
  test('small parts, unknown uploads and wrong numbers are refused; abort leaves nothing', async () => {
    const id = await start()
    const a = await part(id, 1, 'small'), b = await part(id, 2, 'last')
    expect(await finish(id, [[1, a], [2, b]])).toMatchObject({ status: 400, code: 'EntityTooSmall' })
    expect(await said(s3('PUT', `/bbb/m?partNumber=10001&uploadId=${id}`, 'x'))).toMatchObject({ status: 400, code: 'InvalidArgument' })
    expect(await said(s3('PUT', `/bbb/other?partNumber=1&uploadId=${id}`, 'x'))).toMatchObject({ status: 404, code: 'NoSuchUpload' })
    expect((await s3('DELETE', `/bbb/m?uploadId=${id}`)).status).toBe(204)
    expect(await said(s3('PUT', `/bbb/m?partNumber=1&uploadId=${id}`, 'x'))).toMatchObject({ status: 404, code: 'NoSuchUpload' })
    await expect.poll(files).toBe(0)
  })
})

describe('signatures', () => {
  const put = (over: Partial<Ask>, body: Buffer | string = 'body', extra?: Record<string, string>) => raw({ method: 'PUT', path: '/bbb/s', payload: hash('body'), ...over }, body, extra)
  test('the right one is let in, everything else is not, and nothing is written', async () => {
    expect(await put({ secretKey: 'WRONG' })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await put({ accessKey: 'NOBODY' })).toMatchObject({ status: 403, code: 'InvalidAccessKeyId' })
    expect(await put({ at: new Date(Date.now() - 16 * 60_000) })).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' })
    expect(await put({}, 'tampered')).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' })
    expect(await put({}, 'body', { 'x-amz-meta-sneaked': 'in' })).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(await put({}, 'body', { 'x-amz-date': '20200101T000000Z' })).toMatchObject({ status: 403 })
    expect(await put({ payload: 'nonsense' })).toMatchObject({ status: 400, code: 'InvalidArgument' })
    const { headers } = signed({ method: 'PUT', url: new URL(`${served.url}/bbb/s`), payload: hash('body') })
    expect(await rawSend('PUT', '/bbb/elsewhere', headers, 'body')).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await rawSend('DELETE', '/bbb/s', headers, '')).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await rawSend('PUT', '/bbb/s', { ...headers, authorization: headers.authorization.replace(/Signature=.*/, 'Signature=00') }, 'body')).toMatchObject({ status: 403 })
    expect(await said(fetch(`${served.url}/bbb/s`))).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(await said(fetch(`${served.url}/bbb/s`, { headers: { authorization: 'AWS AK:sig' } }))).toMatchObject({ status: 400, code: 'InvalidRequest' })
    expect((await keys()).all).toEqual([])
    expect(files()).toBe(0)
    expect((await put({})).status).toBe(200)
    expect((await put({ payload: 'UNSIGNED-PAYLOAD' }, 'anything')).status).toBe(200)
  })
  test('Content-MD5 and checksums are held against the body', async () => {
    const md5 = (s: string) => createHash('md5').update(s).digest('base64')
    const sha = (s: string) => createHash('sha256').update(s).digest('base64')
    expect((await put({}, 'body', { 'content-md5': md5('body') })).status).toBe(200)
    expect(await put({}, 'body', { 'content-md5': md5('other') })).toMatchObject({ status: 400, code: 'BadDigest' })
    expect(await put({}, 'body', { 'content-md5': 'x' })).toMatchObject({ status: 400, code: 'InvalidDigest' })
    expect((await put({ headers: { 'x-amz-checksum-sha256': sha('body') } })).status).toBe(200)
    expect(await put({ headers: { 'x-amz-checksum-sha256': sha('other') } })).toMatchObject({ status: 400, code: 'BadDigest' })
    expect((await put({ headers: { 'x-amz-checksum-crc32c': 'x' } }))).toMatchObject({ code: 'BadDigest' })
  })
  const stream = (parts: string[], kind: string, more: Record<string, string> = {}, trailer?: string, spoil = (b: Buffer) => b) => {
    const buffers = parts.map((p) => Buffer.from(p))
    const { headers, signature, chain } = signed({ method: 'PUT', url: new URL(`${served.url}/bbb/s`), payload: kind, headers: {
      'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(Buffer.concat(buffers).length), ...more,
    } })
    return rawSend('PUT', '/bbb/s', headers, spoil(chunks(buffers, signature, chain, trailer)))
  }
  const text = async () => { const r = await s3('GET', '/bbb/s'); return [r.status === 200 ? await r.text() : r.status, r.headers.get('content-encoding')] }
  test('signed chunks: any change to data, order or length is refused', async () => {
    const kind = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
    const parts = ['first '.repeat(20_000), 'second']
    expect((await stream(parts, kind)).status).toBe(200)
    expect(await text()).toEqual([parts.join(''), null])
    await s3('DELETE', '/bbb/s')
    const swap = (from: string, to: string) => (b: Buffer) => Buffer.from(b.toString('latin1').replace(from, to), 'latin1')
    expect(await stream(parts, kind, {}, undefined, swap('second', 'sec0nd'))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await stream(parts, kind, {}, undefined, swap('chunk-signature=', 'chunk-signature=0').bind(null))).toMatchObject({ status: 400, code: 'IncompleteBody' })
    expect(await stream(parts, kind, {}, undefined, (b) => { const t = Buffer.from(b); const at = t.lastIndexOf('chunk-signature=') + 16; t[at] = t[at] === 48 ? 49 : 48; return t })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await stream(parts, kind, {}, undefined, (b) => b.subarray(0, b.lastIndexOf('0;chunk')))).toMatchObject({ status: 400, code: 'IncompleteBody' })
    expect(await stream(parts, kind, { 'x-amz-decoded-content-length': '5' })).toMatchObject({ status: 400, code: 'IncompleteBody' })
    expect(await text()).toEqual([404, null])
    expect(files()).toBe(0)
  })
  const crc = (s: string) => { const b = Buffer.alloc(4); b.writeUInt32BE(crc32(s)); return b.toString('base64') }
  test('trailers: signed ones and unsigned ones are checked', async () => {
    const trailing = { 'x-amz-trailer': 'x-amz-checksum-crc32' }
    const kind = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
    expect((await stream(['abc'], kind, trailing, `x-amz-checksum-crc32:${crc('abc')}`)).status).toBe(200)
    expect(await stream(['abc'], kind, trailing, `x-amz-checksum-crc32:${crc('abd')}`)).toMatchObject({ code: 'BadDigest' })
    expect(await stream(['abc'], kind, trailing, `x-amz-checksum-crc32:${crc('abc')}`, (b) => Buffer.from(b.toString('latin1').replace(/trailer-signature:(.)/, (_, c) => `trailer-signature:${c === '0' ? '1' : '0'}`), 'latin1'))).toMatchObject({ code: 'SignatureDoesNotMatch' })
    const open = (sum: string, data = 'hello') => {
      const { headers } = signed({ method: 'PUT', url: new URL(`${served.url}/bbb/s`), payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers: { 'x-amz-decoded-content-length': '5', ...trailing } })
      return rawSend('PUT', '/bbb/s', headers, `5\r\n${data}\r\n0\r\n${sum && `x-amz-checksum-crc32:${sum}\r\n`}\r\n`)
    }
    expect((await open(crc('hello'))).status).toBe(200)
    expect(await text()).toEqual(['hello', null])
    expect(await open(crc('hello'), 'hellO')).toMatchObject({ code: 'BadDigest' })
    expect(await open('')).toMatchObject({ code: 'IncompleteBody' })
    expect(await text()).toEqual(['hello', null])
  })
  test('presigned addresses work until they expire, for what they name', async () => {
    const sign = async (method: string, query = '', at?: Date) => (await aws.sign(`${served.url}/bbb/pre?X-Amz-Expires=60${query}`, {
      method, aws: { signQuery: true, ...(at ? { datetime: at.toISOString().replace(/[-:]|\.\d+/g, '') } : {}) },
    })).url
    expect((await fetch(await sign('PUT'), { method: 'PUT', body: 'hi' })).status).toBe(200)
    expect(await (await fetch(await sign('GET'))).text()).toBe('hi')
    expect(await said(fetch(await sign('PUT')))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await said(fetch((await sign('GET')).replace('/pre', '/other')))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await said(fetch((await sign('GET')).replace('Expires=60', 'Expires=6000')))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await said(fetch(await sign('GET', '', new Date(Date.now() - 61_000))))).toMatchObject({ status: 403, code: 'AccessDenied', text: expect.stringContaining('expired') })
    expect(await said(fetch(await sign('GET', '', new Date(Date.now() + 3_600_000))))).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(await said(fetch((await sign('GET')).replace('Expires=60', 'Expires=700000')))).toMatchObject({ status: 400 })
  })
  test('a region, when set, is insisted on; a directory has one server', async () => {
    await expect(serveS3({ dir, port: 0, accessKey: 'a', secretKey: 'b' })).rejects.toThrow('another process serves')
    const other = mkdtempSync(join(tmpdir(), 'virga-s3-'))
    const strict = await serveS3({ dir: other, port: 0, accessKey: 'AK', secretKey: 'SK', region: 'eu-north-1' })
    expect((await said(aws.fetch(`${strict.url}/`))).code).toBe('AuthorizationHeaderMalformed')
    expect((await aws.fetch(`${strict.url}/`, { aws: { region: 'eu-north-1' } })).status).toBe(200)
    await strict.close()
    rmSync(other, { recursive: true })
  })
})
