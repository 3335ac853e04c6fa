import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client/web'
import { afterAll, expect, test } from 'vitest'

const dir = mkdtempSync(join(tmpdir(), 'virga-libsql-'))
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

async function start(file: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--file', file, '--port', '0', '--pidfile', `${file}.pid`], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  const url = await new Promise<string>((ready, failed) => {
    child.once('exit', failed)
    child.stdout.on('data', (d) => { const at = /ready (\S+)/.exec(String(d)); if (at) ready(at[1]) })
  })
  const gone = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
  return { child, gone, client: createClient({ url }) }
}

test('kill -9 in the middle of writes loses nothing acknowledged and splits no batch', async () => {
  const file = join(dir, 'crash.db')
  let first = await start(file)
  await first.client.executeMultiple('create table a(id text primary key); create table b(id text primary key)')
  const acknowledged: string[] = []
  for (let round = 0; round < 5; round++) {
    const { client, child, gone } = first
    let stop = false
    // Killed when some have been answered, and the others are under way: on a slow machine as well.
    const some = Promise.withResolvers<void>()
    const writers = Array.from({ length: 12 }, async (_, w) => {
      for (let k = 0; !stop; k++) {
        const id = `${round}.${w}.${k}`
        try {
          await client.batch([{ sql: 'insert into a values (?)', args: [id] }, { sql: 'insert into b values (?)', args: [id] }], 'write')
          if (acknowledged.push(id) >= 40 * (round + 1)) some.resolve()
        } catch { return }
      }
    })
    await some.promise
    child.kill('SIGKILL')
    await gone
    stop = true
    await Promise.all(writers)
    first = await start(file)
  }
  const has = new Set((await first.client.execute('select id from a')).rows.map((r) => r.id as string))
  expect(acknowledged.length).toBeGreaterThanOrEqual(200)
  expect(acknowledged.filter((id) => !has.has(id))).toEqual([])
  expect((await first.client.execute('select count(*) c from a left join b using (id) where b.id is null')).rows[0].c).toBe(0)
  expect((await first.client.execute('pragma integrity_check')).rows[0].integrity_check).toBe('ok')

  first.child.kill('SIGTERM')
  expect(await first.gone).toBe(0)
  expect(existsSync(`${file}.pid`)).toBe(false)
  expect(existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0).toBe(0)
}, 60_000)
