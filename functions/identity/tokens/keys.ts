import { Buffer } from 'node:buffer'
import { and, eq, inArray, lt, sql } from 'drizzle-orm'
import { signingKey } from '../../../schema/identity.ts'
import type { Database } from '../../kernel/db.ts'
import { q, type Query } from '../../kernel/db.ts'
import { hex32, seconds, type Env } from '../../kernel/env.ts'
import { seal, unseal } from '../../kernel/secrets.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { directoryFor, directoryQuery, learn } from '../directory.ts'

/**
 * Keys that sign tokens. A new one is staged for a whole period, in which every instance learns to verify it, before it signs as the
 * primary; after that it is secondary until the last token it signed is over. So no rotation refuses a token. Before the first is
 * there, and for tokens of that time, the key is derived from the master secret.
 */
const opened = new Map<string, Uint8Array>()
async function open(env: Env, row: { id: string; key: string }): Promise<Uint8Array | undefined> {
  const have = opened.get(row.id)
  if (have) return have
  const text = await unseal(env, 'signing', row.id, row.key)
  if (text === undefined) return undefined
  const bytes = new Uint8Array(Buffer.from(text, 'base64'))
  if (opened.size > 100) opened.clear()
  opened.set(row.id, bytes)
  return bytes
}

/** With which new tokens are signed, as the last look at the directory says. */
export async function primaryKey(env: Env): Promise<{ id: string; key: Uint8Array } | undefined> {
  const row = directoryFor(env.LIBSQL_URL)?.keys.find((k) => k.state === 'primary'), key = row && await open(env, row)
  return row && key && { id: row.id, key }
}

/** When it was last looked for a key in vain. */
let inVain = 0
/**
 * The key a token names. One this instance has not heard of is looked for, but not again for half a second after that was
 * in vain. Requests that come together each look: none can wait for what another asked.
 */
export async function keyNamed(env: Env, id: string, db?: Database): Promise<Uint8Array | undefined> {
  const find = () => directoryFor(env.LIBSQL_URL)?.keys.find((k) => k.id === id)
  if (!find() && db && (!directoryFor(env.LIBSQL_URL) || Date.now() - inVain > 500)) {
    const [rows] = await db.read([directoryQuery(env.LIBSQL_URL)])
    learn(env.LIBSQL_URL, rows)
    if (!find()) inVain = Date.now()
  }
  const row = find()
  return row && open(env, row)
}

/** How long a key signs, and how long tokens it signed may still be looked at. */
const PERIOD = 30 * 86_400, KEPT = 4 * 86_400, STAGED = 60

export const rotateKeys: Sweep = {
  name: 'identity.keys', every: 60,
  async run({ env, world, db }) {
    const now = world.now(), period = seconds(Number(env.KEY_SECONDS ?? PERIOD))
    const [rows] = await db.read([q.select().from(signingKey)])
    const lost: string[] = []
    for (const r of rows) if (await unseal(env, 'signing', r.id, r.key) === undefined) lost.push(r.id)
    const of = (state: string) => rows.find((r) => r.state === state && !lost.includes(r.id)), primary = of('primary'), staged = of('staged')
    const batch: Query[] = []
    if (lost.length) batch.push(q.delete(signingKey).where(inArray(signingKey.id, lost)))
    const due = staged && (primary ? primary.changedAt + period <= now && staged.createdAt + seconds(STAGED) <= now : staged.createdAt + seconds(STAGED) <= now)
    if (due) {
      if (primary) batch.push(q.update(signingKey).set({ state: 'secondary', changedAt: now }).where(eq(signingKey.id, primary.id)))
      batch.push(q.update(signingKey).set({ state: 'primary', changedAt: now }).where(eq(signingKey.id, staged.id)))
    }
    if (!staged || due) {
      const id = hex32(world)
      batch.push(q.insert(signingKey).values({ id, state: 'staged', key: await seal(env, world, 'signing', id, Buffer.from(world.random(32)).toString('base64')), createdAt: now, changedAt: now }))
    }
    const over = and(eq(signingKey.state, 'secondary'), lt(signingKey.changedAt, now - seconds(KEPT + Number(env.TOKEN_SECONDS ?? 3600))))
    if (rows.some((r) => r.state === 'secondary')) batch.push(q.delete(signingKey).where(over))
    if (!batch.length) return
    await db.write([...batch, q.run(sql`insert into identity_revision (id, revision) values (1, 1) on conflict (id) do update set revision = revision + 1`)] as unknown as [Query, ...Query[]])
  },
}
