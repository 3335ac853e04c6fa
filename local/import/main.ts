import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Database, q, type Query } from '../../functions/kernel/db.ts'
import { world, type Env } from '../../functions/kernel/env.ts'
import { project, role, user } from '../../schema/identity.ts'
import { readDump } from './dump.ts'
import { plan, type Plan } from './keystone.ts'

/** `npm run import:keystone -- FILE --libsql-url URL [--catalog] [--dry-run]`: all of it, or nothing. */
export async function importKeystone(text: string, to: { url: string; token?: string }, options: { catalog?: boolean; dryRun?: boolean } = {}): Promise<Plan> {
  const db = new Database({ LIBSQL_URL: to.url, LIBSQL_TOKEN: to.token } as Env, world)
  const [roles, projects, users] = await db.read([q.select({ id: role.id, name: role.name, domain: role.domain }).from(role), q.select({ id: project.id, name: project.name, domain: project.domain }).from(project), q.select({ id: user.id, name: user.name, domain: user.domain }).from(user)])
  if (!roles.length) throw new Error('this database has no cloud yet: start it once with npm start, then import')
  const made = plan(readDump(text), { roles, projects, users }, world.now(), options.catalog ?? false)
  if (!options.dryRun) await db.write(made.queries as [Query, ...Query[]])
  return made
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'libsql-url': { type: 'string', default: process.env.LIBSQL_URL }, catalog: { type: 'boolean' }, 'dry-run': { type: 'boolean' } } })
  if (positionals.length !== 1 || !values['libsql-url']) {
    console.error("usage: npm run import:keystone -- DUMP.sql --libsql-url URL [--catalog] [--dry-run]\n       DUMP.sql: of mysqldump, mariadb-dump, pg_dump --inserts or sqlite3 .dump; the database's token comes from LIBSQL_TOKEN")
    process.exit(2)
  }
  try {
    const { counts, notes } = await importKeystone(readFileSync(positionals[0], 'utf8'), { url: values['libsql-url'], token: process.env.LIBSQL_TOKEN }, { catalog: values.catalog, dryRun: values['dry-run'] })
    for (const n of notes) console.log(`note: ${n}`)
    console.log(`${values['dry-run'] ? 'would take over' : 'taken over'}: ${Object.entries(counts).map(([what, n]) => `${n} ${what}`).join(', ')}`)
  } catch (e) {
    console.error((e as Error).message)
    process.exitCode = 1
  }
}
