import { afterAll, expect, it } from 'vitest'
import worker from '../index.ts'
import { cloud } from '../../tests/harness/cloud.ts'
import { consoleToken } from '../../schema/compute.ts'
import { q } from '../kernel/db.ts'
import type { Job } from '../../schema/jobs.ts'

const c = await cloud(), host = await c.host('one'), other = await c.host('two', { vcpus: 1 }), token = await c.demo()
const nova = (method: string, path: string, body?: unknown, version = 'compute 2.96') => c.call(method, `/compute/v2.1${path}`, { token, version, body })
const work = async () => { for (let n = 1; n;) { n = await host.work() + await other.work(); await c.settle() } }
const { body: { server: { id } } } = await nova('POST', '/servers', { server: { name: 'seen', flavorRef: '1', imageRef: await image(), networks: 'none' } })
await work()
const at = (await c.call('GET', `/compute/v2.1/servers/${id}`, { token: await c.admin() })).body.server['OS-EXT-SRV-ATTR:host'] === 'one' ? host : other, elsewhere = at === host ? other : host
const ask = async (type = 'novnc', protocol = 'vnc') => nova('POST', `/servers/${id}/remote-consoles`, { remote_console: { protocol, type } })
/** The WebSocket's path that an address leads to. */
const pathOf = (url: string) => (url.includes('vnc_auto') ? `/${new URL(url).searchParams.get('path')}` : new URL(url).pathname + new URL(url).search)
const way = async () => pathOf((await ask()).body.remote_console.url)

interface Socket extends WebSocket { accept(): void }
const later = { waitUntil: (p: Promise<unknown>) => { left.push(p.catch(() => {})) } }, left: Promise<unknown>[] = []
async function connect(path: string, headers: Record<string, string> = {}) {
  const r = await worker.fetch(new Request(`http://cloud.test${path}`, { headers: { upgrade: 'websocket', ...headers } }), c.env, later) as Response & { webSocket?: Socket }
  if (r.webSocket) { r.webSocket.binaryType = 'arraybuffer'; r.webSocket.accept() }
  return { status: r.status, text: r.status === 101 ? '' : await r.text(), socket: r.webSocket!, protocol: r.headers.get('sec-websocket-protocol') }
}
const next = (socket: Socket, what: 'message' | 'close' = 'message') => new Promise<any>((done) => socket.addEventListener(what, (e) => done(what === 'message' ? (e as MessageEvent).data : e), { once: true }))
/** The question as the host hears it, and its coming. */
const heard = async (of = at): Promise<Job> => { for (;;) { const [job] = (await of.claim(16, [], 1)).body.jobs as Job[]; if (job) return job } }
const come = async (session: string, of = at) => { const url = `/hosts/${of.id}/consoles/${session}`; return connect(url, { authorization: `Bearer ${await of.sign('GET', url, '')}` }) }
afterAll(() => Promise.all(left))

async function image() {
  const { image: table } = await import('../../schema/image.ts'), row = crypto.randomUUID()
  await c.db().write([q.insert(table).values({ id: row, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
  return row
}

it('leads from a person to a screen, once', async () => {
  const path = await way(), person = await connect(path, { 'sec-websocket-protocol': 'binary', origin: 'http://cloud.test' })
  expect([person.status, person.protocol]).toEqual([101, 'binary'])
  person.socket.send('before anybody came')
  const job = await heard()
  expect([job.kind, job.args]).toEqual(['domain.screen', { uuid: id, type: 'novnc', session: expect.any(String) }])
  const { session } = job.args as { session: string }
  expect((await come(session, elsewhere)).status).toBe(404)
  const screen = await come(session), said = next(screen.socket)
  await at.done(job)
  expect([screen.status, await said]).toEqual([101, 'before anybody came'])
  const seen = next(person.socket)
  screen.socket.send(new Uint8Array([82, 70, 66]))
  expect(new Uint8Array(await seen)).toEqual(new Uint8Array([82, 70, 66]))
  expect([(await come(session)).status, (await connect(path)).status]).toEqual([404, 404])
  const over = next(screen.socket, 'close')
  person.socket.close(1000, 'bye')
  expect((await over).code).toBe(1000)
})

it('says why nobody came', async () => {
  const person = await connect(await way()), closed = next(person.socket, 'close'), job = await heard()
  await at.fail(job, 'this server has no screen')
  expect(await closed).toMatchObject({ code: 1011, reason: expect.stringContaining('this server has no screen') })
})

it('is refused without a word to a page from elsewhere, with another token, too late, or once the server has gone elsewhere', async () => {
  const path = await way()
  expect(await connect(path, { origin: 'http://cloud.test.evil.example' })).toMatchObject({ status: 403, text: '' })
  expect(await connect(path, { origin: 'null' })).toMatchObject({ status: 403, text: '' })
  expect(await connect(path.replace('token=', 'token=bad'))).toMatchObject({ status: 404, text: '' })
  expect((await c.call('GET', path)).status).toBe(400)
  await c.db().write([q.update(consoleToken).set({ expiresAt: 1 })])
  expect((await connect(path)).status).toBe(404)
  const moved = await way()
  await c.db().write([q.update(consoleToken).set({ host: elsewhere.id })])
  expect((await connect(moved)).status).toBe(404)
  // The next to be asked for takes what is too old along.
  await c.db().write([q.update(consoleToken).set({ expiresAt: 1 })])
  await way()
  expect((await c.db().read([q.select().from(consoleToken)]))[0].length).toBe(1)
})

it('keeps no token, and shows an admin where one leads', async () => {
  const path = await way(), secret = path.split('token=')[1], admin = await c.admin()
  expect(JSON.stringify(await c.db().read([q.select().from(consoleToken)]))).not.toContain(secret)
  expect((await c.call('GET', `/compute/v2.1/os-console-auth-tokens/${secret}`, { token: admin, version: 'compute 2.96' })).body.console).toMatchObject({ instance_uuid: id, host: at.id })
  expect((await nova('GET', `/os-console-auth-tokens/${secret}`)).status).toBe(403)
  expect((await c.call('GET', '/compute/v2.1/os-console-auth-tokens/other', { token: admin, version: 'compute 2.96' })).status).toBe(404)
})

it('is offered as novnc and serial, in both APIs, for servers that are there', async () => {
  expect((await ask()).body.remote_console).toMatchObject({ protocol: 'vnc', type: 'novnc', url: expect.stringMatching(/^http:\/\/cloud\.test\/console\/vnc_auto\.html\?path=console%2Fwebsockify%3Ftoken%3D[0-9a-f-]{36}$/) })
  expect((await ask('serial', 'serial')).body.remote_console.url).toMatch(/^ws:\/\/cloud\.test\/console\/websockify\?token=[0-9a-f-]{36}$/)
  expect((await nova('POST', `/servers/${id}/action`, { 'os-getVNCConsole': { type: 'novnc' } }, 'compute 2.1')).body.console).toMatchObject({ type: 'novnc', url: expect.stringContaining('token') })
  for (const [type, protocol] of [['spice-html5', 'spice'], ['xvpvnc', 'vnc'], ['serial', 'vnc'], ['webmks', 'mks']]) expect([type, (await ask(type, protocol)).status]).toEqual([type, 400])
  await nova('POST', `/servers/${id}/action`, { 'os-stop': null })
  await work()
  expect((await ask()).status).toBe(409)
  expect((await nova('POST', `/servers/${crypto.randomUUID()}/remote-consoles`, { remote_console: { protocol: 'vnc', type: 'novnc' } })).status).toBe(404)
})
