import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createClient, type Client } from '@libsql/client/http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { serveLibsql } from './libsql/serve.ts'
import { migrate, migrations } from './migrate.ts'

let dir: string, client: Client, close: () => Promise<unknown>
beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'virga-migrate-'))
  const served = await serveLibsql({ file: path.join(dir, 'db'), host: '127.0.0.1', port: 0 })
  client = createClient({ url: served.url })
  close = async () => { client.close(); await served.close() }
})
afterEach(async () => { await close(); rmSync(dir, { recursive: true }) })

const files = (sql: Record<string, string>) => {
  for (const [name, text] of Object.entries(sql)) writeFileSync(path.join(dir, name), text)
  return migrations(dir)
}
const first = { '0000_first.sql': 'create table a (x integer);\n--> statement-breakpoint\ncreate trigger t after insert on a begin update a set x = 1; update a set x = x + 1; end;\n--> statement-breakpoint\n-- nothing more\n' }
const tables = async () => (await client.execute("select name from sqlite_schema where type = 'table' order by name")).rows.map((r) => r.name)

test('files are applied in order, once; a trigger body is one statement', async () => {
  expect(await migrate(client, files(first))).toEqual(['0000_first.sql'])
  await client.execute('insert into a values (7)')
  expect((await client.execute('select x from a')).rows[0].x).toBe(2)
  expect(await migrate(client, files({ ...first, '0001_more.sql': 'create table b (x integer)' }))).toEqual(['0001_more.sql'])
  expect(await migrate(client, migrations(dir))).toEqual([])
})

test('a file that fails leaves nothing of itself, and those before it stay', async () => {
  const broken = files({ ...first, '0001_bad.sql': 'create table b (x integer);\n--> statement-breakpoint\ninsert into nowhere values (1)' })
  await expect(migrate(client, broken)).rejects.toThrow(/0001_bad.sql was not applied.*nowhere/)
  expect(await tables()).toEqual(['a', 'migration'])
})

test('a file changed after it was applied, and a database of a newer version, are refused', async () => {
  await migrate(client, files(first))
  await expect(migrate(client, files({ '0000_first.sql': 'create table other (x integer)' }))).rejects.toThrow(/changed after it was applied/)
  await client.execute("insert into migration values ('0009_later.sql', 'x', 1)")
  await expect(migrate(client, files(first))).rejects.toThrow(/0009_later.sql.*newer/)
})

test('rebuilding a table does not fire the foreign keys of those that point at it', async () => {
  await migrate(client, files({ '0000_first.sql': 'create table p (id integer primary key)\n--> statement-breakpoint\ncreate table c (p integer references p(id) on delete cascade)\n--> statement-breakpoint\ninsert into p values (1)\n--> statement-breakpoint\ninsert into c values (1)' }))
  await migrate(client, files({ '0001_rebuild.sql': 'create table n (id integer primary key, more text)\n--> statement-breakpoint\ninsert into n select id, null from p\n--> statement-breakpoint\ndrop table p\n--> statement-breakpoint\nalter table n rename to p' }))
  expect((await client.execute('select count(*) as n from c')).rows[0].n).toBe(1)
})

test('numbers have no gaps and are given once', () => {
  expect(() => files({ ...first, '0002_gap.sql': 'select 1' })).toThrow(/0002_gap.sql stands where migration 0001/)
  expect(() => files({ 'late.sql': 'select 1' })).toThrow(/named 0000_/)
})
