import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'ldapts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle } from '../../local/bundle.ts'
import { workerConfig, workerdBinary } from '../../local/workerd.ts'
import { slapd } from './slapd.ts'

/** From the clear to TLS on one connection: the runtime's own sockets do it, so this is tried in workerd, against slapd. */
const dir = mkdtempSync(path.join(tmpdir(), 'virga-starttls-')), started: ChildProcess[] = []
let server: Awaited<ReturnType<typeof slapd>>, port: number, stranger: number
const openPort = async () => { const s = createServer().listen(0, '127.0.0.1'); await once(s, 'listening'); const { port } = s.address() as AddressInfo; s.close(); return port }
async function worker(vars: Record<string, string>) {
  const at = await openPort(), config = path.join(dir, `${at}.capnp`)
  writeFileSync(config, workerConfig({ listen: '127.0.0.1', port: at, module: 'worker.js', vars, objects: {} }))
  started.push(spawn(workerdBinary(), ['serve', config], { stdio: ['ignore', 'ignore', 'inherit'] }))
  return at
}
beforeAll(async () => {
  server = await slapd(dir)
  const ldap = new Client({ url: server.url })
  await ldap.bind('cn=root,dc=test', 'rootpw')
  await ldap.add('dc=test', { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' })
  for (const ou of ['people', 'groups']) await ldap.add(`ou=${ou},dc=test`, { objectClass: 'organizationalUnit', ou })
  for (let i = 0; i < 70; i++) await ldap.add(`uid=p${i},ou=people,dc=test`, { objectClass: 'inetOrgPerson', uid: `p${i}`, cn: `Person ${i}`, sn: `P${i}`, userPassword: `secret-${i}` })
  await ldap.unbind()
  await bundle(dir, 'tests/directory/starttls.worker.ts')
  port = await worker({ TRUSTED_CERTIFICATES: readFileSync(server.ca, 'utf8') })
  stranger = await worker({})
}, 60_000)
afterAll(async () => {
  for (const c of started) { c.kill('SIGKILL'); await once(c, 'exit') }
  await server?.stop()
  rmSync(dir, { recursive: true })
})
const directory = (more: object = {}) => ({
  urls: [server.url.replace('127.0.0.1', 'localhost')], user: 'cn=root,dc=test', password: 'rootpw', suffix: 'dc=test', scope: 'sub', pageSize: 20, startTls: true, verify: true, ca: '',
  users: { base: 'ou=people,dc=test', filter: '', objectClass: 'inetOrgPerson', id: 'uid', name: 'uid', mail: 'mail', description: 'description', enabled: 'employeeType', invert: false, mask: 2, enabledDefault: '512' },
  groups: { base: 'ou=groups,dc=test', filter: '', objectClass: 'groupOfNames', id: 'cn', name: 'cn', member: 'member', description: 'description', ids: false }, ...more,
})
async function ask(who?: [string, string], more = {}, at = port): Promise<any> {
  for (let i = 0; ; i++) {
    try { return await (await fetch(`http://127.0.0.1:${at}/`, { method: 'POST', body: JSON.stringify({ directory: directory(more), who }) })).json() } catch (e) { if (i > 100) throw e; await new Promise((r) => setTimeout(r, 50)) }
  }
}

test('people are read, page by page, and passwords proved, over a connection that went from the clear to TLS', async () => {
  server.asked()
  expect((await ask()).people).toHaveLength(70)
  expect([await ask(['p9', 'secret-9']), await ask(['p9', 'wrong']), await ask(['nobody', 'secret-9'])]).toEqual([true, false, false])
  // As many as asked, and each said so before anything else.
  expect(server.tls()).toBe(4)
})
test('over TLS from the start the same holds; what the domain says of certificates changes nothing', async () => {
  const of = { urls: [server.tlsUrl.replace('127.0.0.1', 'localhost')], startTls: false }
  expect(await ask(['p9', 'secret-9'], of)).toBe(true)
  for (const more of [{}, { verify: false }, { ca: readFileSync(server.ca, 'utf8') }]) expect(await ask(['p9', 'secret-9'], { ...of, ...more }, stranger)).toEqual({ error: expect.stringContaining('cannot be reached') })
})
test('nothing is said to a directory whose certificate nobody we trust has signed, nor to one that takes no TLS', async () => {
  server.asked()
  expect(await ask(['p9', 'secret-9'], {}, stranger)).toEqual({ error: expect.stringContaining('cannot be reached') })
  // The right authority, for another name.
  const to = new URL(server.url.replace('ldap:', 'http:')), other = createServer((s) => { const t = connect(Number(to.port), '127.0.0.1'); s.pipe(t).pipe(s); for (const x of [s, t]) x.on('error', () => {}) })
  await once(other.listen(0, '127.0.0.2'), 'listening')
  expect(await ask(['p9', 'secret-9'], { urls: [`ldap://127.0.0.2:${(other.address() as AddressInfo).port}`] })).toEqual({ error: expect.stringContaining('cannot be reached') })
  other.close()
  expect(server.asked()).toEqual([])
  for (const answer of ['300c02010178070a010204000400', '300c02010178070a01000400040041', '15030100']) {
    const heard: string[] = [], mute = createServer((s) => s.on('data', (d) => { heard.push(d.toString('hex')); s.write(Buffer.from(answer, 'hex')); if (answer.length < 20) s.end() }).on('error', () => {}))
    await once(mute.listen(0, '127.0.0.1'), 'listening')
    expect(await ask(['p9', 'secret-9'], { urls: [`ldap://localhost:${(mute.address() as AddressInfo).port}`] })).toEqual({ error: expect.stringContaining('cannot be reached') })
    expect(heard).toHaveLength(1)
    mute.close()
  }
})
