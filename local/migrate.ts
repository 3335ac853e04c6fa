import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createClient, type Client } from '@libsql/client/http'
import { root } from './layout.ts'

export interface Migration { name: string; hash: string; statements: string[] }

/** The numbered files of `schema/migrations`, in order. */
export function migrations(dir = path.join(root, 'schema', 'migrations')): Migration[] {
  const names = readdirSync(dir).filter((name) => name.endsWith('.sql')).sort()
  const misnamed = names.find((name) => !/^\d{4}_[\w-]+\.sql$/.test(name))
  if (misnamed) throw new Error(`${misnamed}: migrations are named 0000_what_it_does.sql`)
  names.forEach((name, i) => {
    if (Number(name.slice(0, 4)) !== i) throw new Error(`${name} stands where migration ${String(i).padStart(4, '0')} should: numbers are given once, without gaps`)
  })
  return names.map((name) => {
    const text = readFileSync(path.join(dir, name), 'utf8')
    // the marker stands between statements; a semicolon may stand inside one (a trigger's body)
    const statements = text.split(/^--> statement-breakpoint\s*$|--> statement-breakpoint\s*$/m).map((s) => s.trim()).filter((s) => s.replace(/^\s*--.*$/gm, '').trim())
    return { name, hash: createHash('sha256').update(text).digest('hex'), statements }
  })
}

/** Applies what the database lacks, each file whole or not at all; names what it applied. */
export async function migrate(client: Client, files: Migration[] = migrations()): Promise<string[]> {
  await client.execute('create table if not exists migration (name text primary key, hash text not null, applied integer not null) strict')
  const { rows } = await client.execute('select name, hash from migration')
  const applied = new Map(rows.map((row) => [String(row.name), String(row.hash)]))
  const unknown = [...applied.keys()].find((name) => !files.some((file) => file.name === name))
  if (unknown) throw new Error(`the database has migration ${unknown}, which this version does not know: it was used with a newer one`)
  const done: string[] = []
  for (const { name, hash, statements } of files) {
    if (applied.has(name)) {
      if (applied.get(name) !== hash) throw new Error(`${name} was changed after it was applied to this database: add a new migration instead (or, to begin anew, npm run reset)`)
      continue
    }
    try {
      // with foreign keys off for its length: rebuilding a table drops the old one
      await client.migrate([...statements, { sql: 'insert into migration values (?, ?, ?)', args: [name, hash, Date.now() * 1000] }])
    } catch (e) { throw new Error(`${name} was not applied, nothing of it stays: ${(e as Error).message}`) }
    done.push(name)
  }
  return done
}

export async function migrateUrl(url: string, authToken?: string, files?: Migration[]): Promise<string[]> {
  const client = createClient({ url, authToken })
  try { return await migrate(client, files) } finally { client.close() }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { url: { type: 'string', default: process.env.LIBSQL_URL } } })
  if (!values.url) {
    console.error('usage: npm run migrate -- --url URL    (or LIBSQL_URL; the token comes from LIBSQL_TOKEN)')
    process.exit(2)
  }
  try {
    const done = await migrateUrl(values.url, process.env.LIBSQL_TOKEN || undefined)
    console.log(done.length ? `applied ${done.join(', ')}` : 'nothing to apply')
  } catch (e) { console.error((e as Error).message); process.exit(1) }
}
