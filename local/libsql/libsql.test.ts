import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '@libsql/client/web'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serveLibsql, type Served } from './serve.ts'

const dir = mkdtempSync(join(tmpdir(), 'virga-libsql-'))
let served: Served, client: Client

beforeAll(async () => {
  served = await serveLibsql({ file: join(dir, 'a.db'), port: 0, token: 'secret', limits: { silence: 400, patience: 1500 } })
  client = createClient({ url: served.url, authToken: 'secret', intMode: 'bigint' })
  await client.executeMultiple(`
    create table t(id integer primary key, name text unique, n integer, b blob);
    create table guard(kind text not null, rows integer not null);
    create trigger guard_stale before insert on guard when new.kind = 'stale' begin
      select case when new.rows = 0 then raise(abort, 'guard:stale') else raise(ignore) end;
    end;
    create table parent(id integer primary key);
    create table child(id integer primary key, parent integer references parent(id) deferrable initially deferred);`)
})
beforeEach(async () => { await client.batch(['delete from child', 'delete from parent', 'delete from t'], 'write') })
afterAll(async () => {
  await served.close()
  rmSync(dir, { recursive: true })
})

const count = async (c = client) => Number((await c.execute('select count(*) c from t')).rows[0].c)
const post = (body: unknown, path = '/v2/pipeline', token = 'secret') => fetch(served.url + path, {
  method: 'POST', headers: { authorization: `Bearer ${token}` }, body: typeof body === 'string' ? body : JSON.stringify(body),
})
const problem = async (p: Promise<Response>) => { const r = await p; return { status: r.status, ...await r.json() as { code: string; message: string } } }
const one = async (stmt: unknown) => (await (await post({ requests: [{ type: 'execute', stmt }, { type: 'close' }] })).json() as any).results[0]

describe('values', () => {
  test('integers keep 64 bits, blobs and texts their content, reals their type', async () => {
    const big = 9007199254740993n
    const r = await client.execute({ sql: 'insert into t(id, name, n, b) values (?, ?, ?, ?) returning *', args: [big, 'ünï 💥 "quoted"', -(2n ** 63n), new Uint8Array([0, 255, 7])] })
    expect({ ...r.rows[0] }).toMatchObject({ id: big, name: 'ünï 💥 "quoted"', n: -(2n ** 63n) })
    expect(new Uint8Array(r.rows[0].b as ArrayBuffer)).toEqual(new Uint8Array([0, 255, 7]))
    expect(r.lastInsertRowid).toBe(big)
    expect(r.rowsAffected).toBe(1)
    const more = await client.execute({ sql: "insert into t(id, name) values (?, 'x')", args: [big + 2n] })
    expect(more.lastInsertRowid).toBe(big + 2n)
    const mixed = (await client.execute('select 1.5 a, 9e999 b, null c, typeof(1.0) d, zeroblob(0) e')).rows[0]
    expect(mixed).toMatchObject({ a: 1.5, b: Infinity, c: null, d: 'real' })
    expect((mixed.e as ArrayBuffer).byteLength).toBe(0)
  })
  test('columns carry names and declared types, also after the schema changed', async () => {
    await client.execute('create table shape(a integer)')
    expect((await client.execute('select * from shape')).columnTypes).toEqual(['INTEGER'])
    await client.execute('alter table shape add column b text default 5')
    await client.execute('insert into shape(a) values (1)')
    const r = await client.execute('select * from shape')
    expect([r.columns, r.columnTypes, r.rows[0].b]).toEqual([['a', 'b'], ['INTEGER', 'TEXT'], '5'])
    await client.execute('drop table shape')
    await expect(client.execute('select * from shape')).rejects.toMatchObject({ code: 'SQLITE_ERROR', message: expect.stringContaining('no such table') })
  })
  test('named arguments are found with and without their prefix', async () => {
    const r = await client.execute({ sql: 'select :a a, @b b, $c c, :a again', args: { a: 1, '@b': 'two', $c: 3 } })
    expect({ ...r.rows[0] }).toEqual({ a: 1, b: 'two', c: 3, again: 1 })
  })
  test.each([
    [{ sql: 'select ?', args: [] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [{ type: 'null' }, { type: 'null' }] }, 'ARGS_INVALID'],
    [{ sql: 'select :a', named_args: [{ name: 'b', value: { type: 'null' } }] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [{ type: 'bool', value: true }] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [{ type: 'text', value: true }] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [null] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [{ type: 'integer', value: '9223372036854775808' }] }, 'ARGS_INVALID'],
    [{ sql: 'select ?', args: [{ type: 'text', value: 'a\0b' }] }, 'ARGS_INVALID'],
    [{ sql: 'select 1; select 2' }, 'SQL_MANY_STATEMENTS'],
    [{ sql: ' -- nothing\n' }, 'SQL_NO_STATEMENT'],
    [{ sql: 'selec 1' }, 'SQLITE_ERROR'],
    [{ sql_id: 7 }, 'SQL_NOT_FOUND'],
  ])('refuses %j', async (stmt, code) => {
    expect(await one(stmt)).toMatchObject({ type: 'error', error: { code, message: expect.any(String) } })
    expect(await one({ sql: 'select 1' })).toMatchObject({ type: 'ok' })
  })
  test('a semicolon in a text, a comment or a trigger ends no statement', async () => {
    expect((await client.execute("select ';' /* ; */ a -- ; x\n;")).rows[0].a).toBe(';')
    await client.execute('create trigger tr after insert on parent begin delete from t where id = new.id; delete from t where id = -1; end;')
    await client.execute('drop trigger tr')
  })
})

describe('batches', () => {
  test('a guard aborts the whole batch and its words arrive', async () => {
    await client.execute("insert into t values (1, 'a', 1, null)")
    const guarded = (id: number) => client.batch([
      { sql: "insert into t(name) values ('new')", args: [] },
      { sql: 'update t set n = n + 1 where id = ? and n = 1', args: [id] }, "insert into guard select 'stale', changes()",
    ], 'write')
    await expect(guarded(2)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_TRIGGER', message: expect.stringContaining('guard:stale') })
    expect(await count()).toBe(1)
    await guarded(1)
    expect(await count()).toBe(2)
  })
  test('extended codes arrive', async () => {
    await client.execute("insert into t(name) values ('a')")
    await expect(client.execute("insert into t(name) values ('a')")).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE', message: expect.stringContaining('t.name') })
    await expect(client.execute('insert into child(parent) values (5)')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
    await expect(client.batch([{ sql: 'insert into child(parent) values (5)', args: [] }], 'write')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
    expect((await client.execute('select * from child')).rows).toEqual([])
  })
  test('a read batch may not write', async () => {
    const r = await client.batch(['select 1 a', 'select 2 a'], 'read')
    expect(r.map((x) => x.rows[0].a)).toEqual([1n, 2n])
    await expect(client.batch(["insert into t(name) values ('sly')"], 'read')).rejects.toMatchObject({ code: 'SQLITE_READONLY' })
    await Promise.all(['a', 'b', 'c'].map((name) => client.execute({ sql: 'insert into t(name) values (?)', args: [name] })))
    expect(await count()).toBe(3)
  })
  test('batches that share a commit stay atomic each on its own', async () => {
    const all = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => i % 3 === 2
      ? client.batch([`insert into t(name) values ('x${i}')`, `insert into t(name) values ('x${i}')`], 'write')
      : i % 3 === 1 ? client.execute(`insert into t(name) values ('y${i}')`)
      : client.batch([`insert into t(name) values ('x${i}')`, `insert into t(name) values ('z${i}')`], 'write')))
    expect(all.filter((x) => x.status === 'rejected').length).toBe(20)
    expect(await count()).toBe(20 * 2 + 20)
  })
  test('one that ends the shared transaction, or breaks a deferred key, harms only itself', async () => {
    await client.execute("insert into t(id, name) values (1, 'taken')")
    const all = await Promise.allSettled([
      ...Array.from({ length: 10 }, (_, i) => client.execute(`insert into t(name) values ('k${i}')`)),
      client.batch(["insert into t(name) values ('lost')", "insert or rollback into t(id, name) values (1, 'q')"], 'write'),
      client.execute('insert into child(parent) values (99)'),
      client.batch(["insert into t(name) values ('lost too')", 'insert into child(parent) values (99)'], 'write'),
      ...Array.from({ length: 10 }, (_, i) => client.batch([`insert into t(name) values ('l${i}')`], 'write')),
    ])
    expect(all.map((x) => x.status === 'rejected')).toEqual([...Array(10).fill(false), true, true, true, ...Array(10).fill(false)])
    expect(await count()).toBe(21)
  })
  test('many clients count without losing one', async () => {
    await client.execute("insert into t(id, n) values (1, 0)")
    const clients = Array.from({ length: 8 }, () => createClient({ url: served.url, authToken: 'secret' }))
    await Promise.all(clients.map(async (c, i) => {
      for (let k = 0; k < 25; k++) await c.batch([`update t set n = n + 1 where id = 1`, { sql: 'insert into t(name) values (?)', args: [`${i}.${k}`] }], 'write')
    }))
    expect((await client.execute('select n from t where id = 1')).rows[0].n).toBe(200n)
    expect(await count()).toBe(201)
  })
  test('migrate turns foreign keys off for itself alone', async () => {
    await client.migrate(['insert into child(parent) values (77)'])
    expect((await client.execute('pragma foreign_keys')).rows[0].foreign_keys).toBe(1n)
    await expect(client.execute('insert into child(parent) values (78)')).rejects.toThrow(/FOREIGN KEY/)
  })
  test('a pipeline that leaves a transaction open is rolled back', async () => {
    await post({ requests: [{ type: 'execute', stmt: { sql: 'begin immediate' } }, { type: 'execute', stmt: { sql: "insert into t(name) values ('gone')" } }, { type: 'close' }] })
    expect(await count()).toBe(0)
  })
})

describe('streams', () => {
  test('a transaction commits, another rolls back, writers wait for it', async () => {
    const tx = await client.transaction('write')
    await tx.execute("insert into t(name) values ('in')")
    let waited = false
    const other = client.execute("insert into t(name) values ('out')").then(() => { waited = true })
    expect(await count()).toBe(0)
    await new Promise((r) => setTimeout(r, 100))
    expect(waited).toBe(false)
    await tx.commit()
    await other
    expect(await count()).toBe(2)
    const back = await client.transaction('write')
    await back.batch(["insert into t(name) values ('a1')", "insert into t(name) values ('a2')"])
    await back.rollback()
    expect(await count()).toBe(2)
  })
  test('an abandoned one is rolled back and its baton refused', async () => {
    const left = await client.transaction('write')
    await left.execute("insert into t(name) values ('left')")
    const start = performance.now()
    await client.execute("insert into t(name) values ('after')")
    expect(performance.now() - start).toBeGreaterThan(200)
    expect(await count()).toBe(1)
    await expect(left.execute('select 1')).rejects.toMatchObject({ code: 'STREAM_EXPIRED' })
  })
  test('a writer gives up with BUSY when the holder goes on for too long', async () => {
    const tx = await client.transaction('write')
    await tx.execute("insert into t(name) values ('h')")
    const talk = setInterval(() => { tx.execute('select 1').catch(() => {}) }, 100)
    await expect(client.execute("insert into t(name) values ('w')")).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    clearInterval(talk)
    await tx.rollback()
    await client.execute("insert into t(name) values ('w')")
    expect(await count()).toBe(1)
  })
  test('a stale reader that wants to write is told so, and the stream works on', async () => {
    const tx = await client.transaction('deferred')
    await tx.execute('select count(*) from t')
    await client.execute("insert into t(name) values ('first')")
    await expect(tx.execute("insert into t(name) values ('second')")).rejects.toMatchObject({ code: 'SQLITE_BUSY_SNAPSHOT' })
    await tx.rollback()
    await client.execute("insert into t(name) values ('third')")
    expect(await count()).toBe(2)
  })
  test('describe, stored texts and autocommit answer', async () => {
    const r = await (await post({ requests: [
      { type: 'store_sql', sql_id: 1, sql: 'insert into t(name) values (:name) returning id' }, { type: 'describe', sql_id: 1 }, { type: 'describe', sql: 'select id, ? from t' },
      { type: 'get_autocommit' }, { type: 'execute', stmt: { sql: 'begin' } }, { type: 'get_autocommit' }, { type: 'close_sql', sql_id: 1 }, { type: 'describe', sql_id: 1 }, { type: 'close' },
    ] })).json() as any
    expect(r.baton).toBe(null)
    const said = r.results.map((x: any) => x.response ?? x.error.code)
    expect(said[1].result).toEqual({ params: [{ name: ':name' }], cols: [{ name: 'id', decltype: 'INTEGER' }], is_explain: false, is_readonly: false })
    expect(said[2].result).toMatchObject({ params: [{ name: null }], is_readonly: true })
    expect([said[3].is_autocommit, said[5].is_autocommit, said[7]]).toEqual([true, false, 'SQL_NOT_FOUND'])
  })
})

test('explain harms no later commit', async () => {
  expect((await client.execute("explain insert into t(name) values ('never')")).rows.length).toBeGreaterThan(3)
  await client.batch(["insert into t(name) values ('a')"], 'write')
  const tx = await client.transaction('write')
  await tx.execute("explain query plan select * from t")
  await tx.execute("insert into t(name) values ('b')")
  await tx.commit()
  expect(await count()).toBe(2)
})

describe('the door', () => {
  test('only the token opens it', async () => {
    expect(await problem(post({ requests: [] }, '/v2/pipeline', 'wrong'))).toMatchObject({ status: 401, code: 'AUTH_REQUIRED' })
    await expect(createClient({ url: served.url }).execute('select 1')).rejects.toThrow()
    expect((await fetch(served.url + '/v2', { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
  })
  test.each(['/v3', '/v3/pipeline', '/v3-protobuf', '/v2/cursor', '/'])('%s is not served', async (path) => {
    expect(await problem(post({}, path))).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  })
  test.each([
    ['{', 'not JSON'], ['null', 'object'], ['{"requests":3}', 'array'], ['{"requests":[{"type":"fly"}]}', 'fly'], ['{"baton":3,"requests":[]}', 'baton'],
    ['{"requests":[{"type":"execute"}]}', 'stmt'], ['{"requests":[{"type":"execute","stmt":{}}]}', 'sql'], ['{"requests":[{"type":"close"},{"type":"get_autocommit"}]}', 'closes'],
    ['{"requests":[{"type":"batch","batch":{"steps":[{"stmt":{"sql":"select 1"},"condition":{"type":"ok","step":0}}]}}]}', 'earlier'],
    ['{"requests":[{"type":"batch","batch":{"steps":[{"stmt":{"sql":"select 1"},"condition":{"type":"maybe"}}]}}]}', 'maybe'],
    ['{"baton":"nope","requests":[]}', 'expired'],
  ])('%s is a 400 that says why', async (body, why) => {
    expect(await problem(post(body))).toMatchObject({ status: 400, message: expect.stringContaining(why) })
  })
  test('a body over 32 MB is refused, one just under is not', async () => {
    expect((await post('x'.repeat((32 << 20) + 1)))).toMatchObject({ status: 413 })
    const text = 'x'.repeat(8 << 20)
    expect((await client.execute({ sql: 'select length(?) l', args: [text] })).rows[0].l).toBe(BigInt(text.length))
  })
  test('a result over the limit is refused and the endpoint works on', async () => {
    const sql = 'with recursive c(i) as (select 1 union all select i + 1 from c where i < 50) select zeroblob(1000000) from c'
    await expect(client.execute(sql)).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' })
    await client.execute("insert into t(name) values ('on')")
    expect(await count()).toBe(1)
  })
})
