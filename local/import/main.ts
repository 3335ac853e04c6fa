import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Database, q, type Query } from '../../functions/kernel/db.ts'
import { world, type Env } from '../../functions/kernel/env.ts'
import { seal } from '../../functions/identity/seal.ts'
import { project, region, role, service, user } from '../../schema/identity.ts'
import { readDump } from './dump.ts'
import { plan, type Plan } from './keystone.ts'

/** `npm run import:keystone -- FILE --libsql-url URL [--credential-keys DIR] [--catalog] [--dry-run]`: all of it, or nothing. */
export async function importKeystone(text: string, to: { url: string; token?: string }, options: { catalog?: boolean; dryRun?: boolean; keys?: string[]; masterSecret?: string } = {}): Promise<Plan> {
  const db = new Database({ LIBSQL_URL: to.url, LIBSQL_TOKEN: to.token } as Env, world)
  const [roles, projects, users, services, regions] = await db.read([q.select({ id: role.id, name: role.name, domain: role.domain }).from(role), q.select({ id: project.id, name: project.name, domain: project.domain }).from(project), q.select({ id: user.id, name: user.name, domain: user.domain }).from(user), q.select({ id: service.id, type: service.type }).from(service), q.select({ id: region.id }).from(region)])
  if (!roles.length) throw new Error('this database has no cloud yet: start it once with npm start, then import')
  const { keys, masterSecret } = options
  const made = await plan(readDump(text), { roles, projects, users, services, regions }, world.now(), options.catalog ?? false, { keys, seal: masterSecret === undefined ? undefined : (about, plain) => seal({ MASTER_SECRET: masterSecret } as Env, world, about, plain) })
  if (!options.dryRun) await db.write(made.queries as [Query, ...Query[]])
  return made
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'libsql-url': { type: 'string', default: process.env.LIBSQL_URL }, catalog: { type: 'boolean' }, 'credential-keys': { type: 'string' }, 'dry-run': { type: 'boolean' } } })
  if (positionals.length !== 1 || !values['libsql-url']) {
    console.error("usage: npm run import:keystone -- DUMP.sql --libsql-url URL [--catalog] [--dry-run]\n       [--credential-keys DIR]: Keystone's credential-keys, which open its credentials\n       MASTER_SECRET, which has to be this cloud's, seals those, OAuth1 tokens and directories' passwords anew; without it they are left out\n       DUMP.sql: of mysqldump, mariadb-dump, pg_dump --inserts or sqlite3 .dump; the database's token comes from LIBSQL_TOKEN")
    process.exit(2)
  }
  try {
    const dir = values['credential-keys'], { MASTER_SECRET: masterSecret } = process.env
    if (dir && !masterSecret) throw new Error('credentials are sealed anew: set MASTER_SECRET to that of this cloud')
    const keys = dir ? readdirSync(dir).map((f) => readFileSync(path.join(dir, f), 'utf8')) : undefined
    const { counts, notes } = await importKeystone(readFileSync(positionals[0], 'utf8'), { url: values['libsql-url'], token: process.env.LIBSQL_TOKEN }, { catalog: values.catalog, dryRun: values['dry-run'], keys, masterSecret })
    for (const n of notes) console.log(`note: ${n}`)
    console.log(`${values['dry-run'] ? 'would take over' : 'taken over'}: ${Object.entries(counts).map(([what, n]) => `${n} ${what}`).join(', ')}`)
  } catch (e) {
    console.error((e as Error).message)
    process.exitCode = 1
  }
}
