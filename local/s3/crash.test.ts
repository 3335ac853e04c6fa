import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { afterAll, expect, test } from 'vitest'

const dir = mkdtempSync(join(tmpdir(), 'virga-s3-'))
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})
const aws = new AwsClient({ accessKeyId: 'AK', secretAccessKey: 'SK', service: 's3', region: 'us-east-1', retries: 0 })

async function start() {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--dir', dir, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, VIRGA_S3_ACCESS_KEY: 'AK', VIRGA_S3_SECRET_KEY: 'SK' },
  })
  children.add(child)
  const url = await new Promise<string>((ready, failed) => {
    child.once('exit', failed)
    child.stdout.on('data', (d) => { const at = /ready (\S+)/.exec(String(d)); if (at) ready(at[1]) })
  })
  const gone = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
  return { child, gone, url }
}
const files = () => readdirSync(join(dir, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).length

test('kill -9 among puts loses nothing answered; what was half-way is swept', async () => {
  let s = await start()
  await aws.fetch(`${s.url}/bbb`, { method: 'PUT' })
  const answered: string[] = []
  for (let round = 0; round < 3; round++) {
    const { url, child, gone } = s
    const writers = Array.from({ length: 6 }, async (_, w) => {
      for (let k = 0; ; k++) {
        const key = `${round}.${w}.${k}`
        try { if ((await aws.fetch(`${url}/bbb/${key}`, { method: 'PUT', body: key.repeat(40_000) })).ok) answered.push(key) } catch { return }
      }
    })
    await new Promise((r) => setTimeout(r, 300))
    child.kill('SIGKILL')
    await gone
    await Promise.all(writers)
    if (round === 0) writeFileSync(join(dir, 'blobs', '00', '00'.repeat(16)), 'nobody names me')
    s = await start()
  }
  expect(answered.length).toBeGreaterThan(20)
  for (const key of answered) expect(await (await aws.fetch(`${s.url}/bbb/${key}`)).text(), key).toBe(key.repeat(40_000))
  const listed = (await (await aws.fetch(`${s.url}/bbb?list-type=2`)).text()).match(/<Key>/g)!.length
  await expect.poll(files, { timeout: 5000 }).toBe(listed)   // one file an object, no other
  s.child.kill('SIGTERM')
  expect(await s.gone).toBe(0)
}, 60_000)
