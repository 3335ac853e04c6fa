import { AwsClient } from 'aws4fetch'
import { createHash, createHmac } from 'node:crypto'
import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud, admin: string, key: { access: string; secret: string; user_id: string }
beforeAll(async () => {
  c = await identityCloud()
  admin = await c.admin()
  const p = await c.person('signer')
  key = (await c.v3('POST', `/users/${p.id}/credentials/OS-EC2`, await p.token(), { tenant_id: p.project })).body.credential
})

/** Signed by somebody else's code, as a client would. */
async function signed(service = 'ec2', options: { datetime?: string; signQuery?: boolean; secret?: string } = {}) {
  const aws = new AwsClient({ accessKeyId: key.access, secretAccessKey: options.secret ?? key.secret, service, region: 'RegionOne' })
  const body = 'Action=DescribeInstances&Version=2016-11-15'
  const r = await aws.sign('http://cloud.test:8788/services/Cloud?a=b%20c&Zed=1', { method: options.signQuery ? 'GET' : 'POST', body: options.signQuery ? undefined : body, headers: { 'content-type': 'application/x-www-form-urlencoded' }, aws: { datetime: options.datetime, signQuery: options.signQuery, allHeaders: true } })
  const url = new URL(r.url), headers: Record<string, string> = { host: url.host, ...Object.fromEntries(r.headers) }, params = Object.fromEntries(url.searchParams)
  const signature = options.signQuery ? params['X-Amz-Signature'] : /Signature=([0-9a-f]+)/.exec(headers.authorization)![1]
  return { access: key.access, signature, verb: r.method, host: url.host, path: url.pathname, params: options.signQuery ? params : {}, headers, body_hash: options.signQuery ? service === 's3' ? 'UNSIGNED-PAYLOAD' : createHash('sha256').update('').digest('hex') : createHash('sha256').update(body).digest('hex') }
}
const ask = async (credentials: object, token: string | undefined = admin, path = '/ec2tokens') => c.v3('POST', path, token, { credentials })

it('a signature of a key is known as its holder, by services only', async () => {
  // The query of a POST is not signed in this protocol's canonical form; a GET's is.
  const get = await signed('ec2', { signQuery: true })
  const r = await ask(get)
  expect([r.status, r.body.token?.user.name, r.body.token?.project.name]).toEqual([200, 'signer', 'demo'])
  expect(await c.alive(r.headers.get('x-subject-token')!)).toBe(true)
  expect((await ask(get, await c.demo())).status).toBe(403)
  expect((await c.v3('POST', '/ec2tokens', undefined, { credentials: get })).status).toBe(401)
  expect((await c.v3('POST', '/s3tokens', undefined, { credentials: get })).status).toBe(401)
})

it('what was changed, signed with another key, signed long ago or signed for S3 is refused', async () => {
  const good = await signed('ec2', { signQuery: true }), at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/[:-]|\.\d{3}/g, '')
  for (const bad of [{ ...good, path: '/other' }, { ...good, params: { ...good.params, a: 'x' } }, { ...good, signature: good.signature.replace(/^./, (x) => (x === '0' ? '1' : '0')) }, { ...good, signature: '' }, { ...good, access: 'unknown' },
    await signed('ec2', { signQuery: true, secret: 'other' }), await signed('ec2', { signQuery: true, datetime: at(-16) }), await signed('ec2', { signQuery: true, datetime: at(16) }), await signed('s3', { signQuery: true })]) {
    expect((await ask(bad)).status).toBe(401)
  }
  expect((await ask(await signed('ec2', { signQuery: true, datetime: at(-14) }))).status).toBe(200)
})

it('version 2 with SHA-256 is taken too', async () => {
  const params: Record<string, string> = { Action: 'DescribeInstances', AWSAccessKeyId: key.access, SignatureMethod: 'HmacSHA256', SignatureVersion: '2', Timestamp: new Date().toISOString().slice(0, 19) }
  const query = Object.keys(params).sort().map((k) => `${k}=${encodeURIComponent(params[k])}`).join('&')
  const signature = createHmac('sha256', key.secret).update(`GET\ncloud.test\n/services/Cloud\n${query}`).digest('base64')
  const one = { access: key.access, signature, verb: 'GET', host: 'cloud.test', path: '/services/Cloud', params, headers: {}, body_hash: '' }
  expect((await ask(one)).status).toBe(200)
  expect((await ask({ ...one, params: { ...params, SignatureVersion: '1' } })).status).toBe(401)
})

it('an S3 signature tells a service who signed, and yields no token', async () => {
  const date = new Date().toISOString().replace(/[:-]|\.\d{3}/g, ''), scope = `${date.slice(0, 8)}/RegionOne/s3/aws4_request`
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${'0'.repeat(64)}`
  const k = scope.split('/').reduce((k: string | Buffer, part) => createHmac('sha256', k).update(part).digest(), `AWS4${key.secret}`)
  const one = { access: key.access, signature: createHmac('sha256', k).update(text).digest('hex'), token: btoa(text) }
  const r = await ask(one, admin, '/s3tokens')
  expect([r.status, r.body.token.user.id, r.headers.get('x-subject-token')]).toEqual([200, key.user_id, null])
  expect((await ask(one, await c.demo(), '/s3tokens')).status).toBe(403)
  expect((await ask({ ...one, token: btoa(text.replace('/s3/', '/ec2/')) }, admin, '/s3tokens')).status).toBe(401)
})
