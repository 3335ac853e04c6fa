import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { root } from '../../local/layout.ts'
import { debianLike, installPackages } from '../../local/setup/packages.ts'
import { freePort, Running } from '../harness/running.ts'
import { sh, Steps, until } from '../steps.ts'
import { Ceph, cephPackages } from './ceph.ts'
import { images, type Answers } from './images.ts'

/**
 * npm test -- --only stores: the functions on stores that are not theirs. The object store is Debian's radosgw on a Ceph of
 * one OSD, the database an endpoint in a process of its own, known by URL and token alone; then the same on the cloud's own, and both
 * must answer alike. Root on Debian is needed for Ceph (60 MB of packages); elsewhere that half is skipped, and said to be.
 */
const { values } = parseArgs({ options: { keep: { type: 'boolean' } } })
const steps = new Steps(), dir = mkdtempSync(path.join(tmpdir(), 'virga-stores-')), keys = { accessKey: 'test', secretKey: 'test-secret' }
const ceph = new Ceph(path.join(dir, 'ceph'), keys)
const simulated = ['--hypervisor', 'simulated', '--no-host-packages']
const clouds: Running[] = []
const libsql = spawnLibsql(path.join(dir, 'cloud.db'), await freePort())
const why = !debianLike() ? 'this is not Debian' : process.getuid?.() !== 0 ? 'not root' : ''
let said = '', cleaning: Promise<void> | undefined
let there: Answers | undefined

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void cleanUp().finally(() => process.exit(1)))

try {
  if (why) console.log(`skip  radosgw: ${why}; the cloud's own object store only`)
  else if (await steps.step('Ceph packages', () => installPackages(path.join(dir, 'apt.log'), (text) => { said = text }, cephPackages).then(() => console.log(`      ${said}`)).then(() => true))
    && await steps.step('a Ceph of one monitor, one OSD and radosgw', () => ceph.start().then(() => true))) await onCeph()
  const own = await onOwn()
  if (there && own) await steps.step('both stores answered alike', async () => {
    for (const [what, answer] of Object.entries(there!)) if (!isDeepStrictEqual(answer, own[what])) throw new Error(`${what}: ${JSON.stringify(answer)} with radosgw, ${JSON.stringify(own[what])} with the cloud's own`)
    if (Object.keys(there!).length < 10) throw new Error('hardly anything was asked')
  })
} finally { await steps.step('everything is stopped and gone', cleanUp) }
process.exit(steps.close())

/** Once, whether all is done or someone wants it to end. */
function cleanUp(): Promise<void> {
  return cleaning ??= (async () => {
    const wrong: unknown[] = []
    for (const c of clouds) await c.reset().catch((e) => wrong.push(e))
    libsql.child.kill()
    await ceph.remove()
    if (!values.keep) rmSync(dir, { recursive: true, force: true })
    if (wrong.length) throw wrong[0]
  })()
}

async function onCeph() {
  await steps.step('radosgw: what the functions need of an object store, call by call', async () => {
    const r = await sh(path.join(root, 'node_modules/.bin/vitest'), ['run', '--project', 'workerd', 'functions/kernel/bytes.test.ts'], { cwd: root, timeout: 240_000, fails: true, env: { ...process.env, VIRGA_TEST_S3: ceph.url, NO_COLOR: '1' } })
    if (r.code) throw new Error(r.stdout.split('\n').filter((l) => !/^stack|exception/.test(l)).slice(-60).join('\n'))
    console.log(`     ${/^ +Tests .*$/m.exec(r.stdout)?.[0]}`)
  })
  const s3 = { S3_ACCESS_KEY: keys.accessKey, S3_SECRET_KEY: keys.secretKey, S3_BUCKET: 'cloud-bytes' }
  await steps.step('npm start with keys that are wrong says so', async () => {
    const c = await Running.make([...simulated, '--s3-url', ceph.url], { ...s3, S3_SECRET_KEY: 'wrong' })
    clouds.push(c)
    const why = await c.start(60).then(() => 'it started', (e: Error) => e.message)
    if (!/object store at .* 403 .*SignatureDoesNotMatch/.test(why)) throw new Error(why)
  })
  const c = await Running.make([...simulated, '--s3-url', ceph.url, '--libsql-url', libsql.url], { ...s3, LIBSQL_TOKEN: libsql.token })
  clouds.push(c)
  if (!await steps.step('npm start with bytes in radosgw and rows in a database elsewhere', () => c.start().then(() => true))) return
  await steps.step('its own are not running', async () => { if (c.pid('s3') || c.pid('libsql')) throw new Error('they are') })
  const bucket = { url: ceph.url, ...keys, bucket: s3.S3_BUCKET }
  there = await images(steps, 'radosgw', c, bucket)
  await steps.step('radosgw is gone for a while: 503 with Retry-After, then as before', async () => {
    const token = await c.token('demo'), { id } = await c.call('demo', 'POST', '/image/v2/images', { name: 'outage', disk_format: 'raw', container_format: 'bare' })
    const put = () => c.ask('PUT', `/image/v2/images/${id}/file`, { token, raw: Buffer.alloc(1 << 20, 7), headers: { 'content-type': 'application/octet-stream' } })
    await ceph.stop('radosgw', 'SIGKILL')
    const r = await put()
    if (r.status !== 503 || !(Number(r.headers.get('retry-after')) >= 1)) throw new Error(`${r.status} ${r.text}`)
    await ceph.startGateway()
    await until('the upload', 20, async () => { const r = await put(); if (r.status !== 204) throw new Error(`${r.status} ${r.text}`); return true })
  })
  await steps.step('started again without a word about them, it uses the same stores', async () => {
    await c.stop()
    const again = new Running(c.data, c.port, simulated)
    clouds[clouds.length - 1] = again
    await again.start()
    const { images } = await again.call('demo', 'GET', '/image/v2/images?name=outage')
    const r = await again.ask('GET', `/image/v2/images/${images[0].id}/file`, { token: await again.token('demo') })
    if (r.status !== 200 || r.text.length !== 1 << 20) throw new Error(`${r.status}, ${r.text.length} bytes`)
    if (again.pid('s3') || again.pid('libsql')) throw new Error('its own were started')
  })
}

async function onOwn(): Promise<Answers | undefined> {
  const c = await Running.make(simulated)
  clouds.push(c)
  if (!await steps.step('npm start with stores of its own', () => c.start().then(() => true))) return undefined
  const { s3AccessKey, s3SecretKey } = c.secrets(), { s3 } = c.secrets<{ s3: number }>('ports.json')
  return images(steps, 'own', c, { url: `http://127.0.0.1:${s3}`, accessKey: s3AccessKey, secretKey: s3SecretKey, bucket: 'virga' })
}

function spawnLibsql(file: string, port: number) {
  const token = 'a-token-of-its-own'
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(root, 'local/libsql/main.ts'), '--file', file, '--port', String(port)], { stdio: 'ignore', env: { ...process.env, VIRGA_DB_TOKEN: token } })
  process.on('exit', () => child.kill())
  return { child, token, url: `http://127.0.0.1:${port}` }
}
