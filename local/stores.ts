import path from 'node:path'
import { makeBucket } from './bucket.ts'
import { external, keepStores, keptStores, type S3 } from './external.ts'
import { node, root, type Layout } from './layout.ts'
import { bracketed, reachable, type Options } from './options.ts'
import { ports } from './ports.ts'
import { apart } from './process.ts'
import type { Note } from './say.ts'
import type { Secrets } from './secrets.ts'
import type { Supervisor } from './supervisor.ts'

/** Starts the database and the object store, but for those others run, and brings them up to date; the functions' bindings. */
export async function stores(options: Options, at: Layout, supervisor: Supervisor, keys: Secrets, note: Note): Promise<Record<string, string>> {
  const others = external(options, keptStores(at))
  const port = await ports(at, options.listen)
  const libsql = others.libsql ?? { url: `http://127.0.0.1:${port.libsql}`, token: keys.libsqlToken }
  const s3: S3 = others.s3 ?? { url: `http://${bracketed(reachable(options.listen))}:${port.s3}`, accessKey: keys.s3AccessKey, secretKey: keys.s3SecretKey, bucket: 'virga' }
  const start = (name: string, args: string[], env: Record<string, string>) =>
    supervisor.start({ name, command: node, args: ['--disable-warning=ExperimentalWarning', path.join(root, 'local', name, 'main.ts'), ...args], env })

  if (!others.libsql) await start('libsql', ['--file', at.in('db', 'cloud.db'), '--port', String(port.libsql), '--host', '127.0.0.1'], { VIRGA_DB_TOKEN: keys.libsqlToken })
  if (!others.s3) await start('s3', ['--dir', at.in('s3'), '--port', String(port.s3), '--host', options.listen], { VIRGA_S3_ACCESS_KEY: keys.s3AccessKey, VIRGA_S3_SECRET_KEY: keys.s3SecretKey })
  if (!others.libsql) await supervisor.until('libsql', 30_000, async () => (await fetch(`${libsql.url}/v2`, { headers: { authorization: `Bearer ${libsql.token}` } })).ok)
  if (!others.s3) await supervisor.until('s3', 30_000, async () => (await fetch(s3.url)).status < 500)
  await makeBucket(s3)
  const applied = await apart('migrate.ts', [], { LIBSQL_URL: libsql.url, LIBSQL_TOKEN: libsql.token ?? '' }).catch((e: Error) => { throw others.libsql ? new Error(`the database at ${libsql.url}: ${e.message}`) : e })
  // only now: a name or key that did not work is not kept for the next start
  if (others.s3 || others.libsql || Object.keys(keptStores(at)).length) keepStores(at, others)
  const files = applied.match(/\.sql\b/g)?.length
  note([files ? `${files} migrations applied` : 'up to date', ...(others.libsql ? [`rows at ${libsql.url}`] : []), ...(others.s3 ? [`bytes at ${s3.url}`] : [])].join(', '))
  return {
    LIBSQL_URL: libsql.url, ...(libsql.token && { LIBSQL_TOKEN: libsql.token }),
    S3_URL: s3.url, S3_ACCESS_KEY: s3.accessKey, S3_SECRET_KEY: s3.secretKey, S3_BUCKET: s3.bucket,
    ...(s3.region && { REGION_S3: s3.region }), ...(s3.publicUrl && { S3_PUBLIC_URL: s3.publicUrl }),
  }
}
