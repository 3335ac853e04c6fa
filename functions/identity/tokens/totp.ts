import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { and, eq, type SQL } from 'drizzle-orm'
import { credential } from '../../../schema/identity.ts'
import { idempotency } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { unseal } from '../seal.ts'

const STEP = 30, BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
export const seedsQuery = (who: SQL) => q.select().from(credential).where(and(eq(credential.user, who), eq(credential.type, 'totp')))

function bytesOf(base32: string): Buffer {
  let bits = ''
  for (const c of base32.toUpperCase().replaceAll(/[\s=]/g, '')) { const v = BASE32.indexOf(c); if (v < 0) return Buffer.alloc(0); bits += v.toString(2).padStart(5, '0') }
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((b) => parseInt(b, 2)))
}

/** RFC 6238: six digits, thirty seconds, SHA-1, as authenticator apps have it. */
export function passcode(seed: string, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', bytesOf(seed)).update(counter).digest(), at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** This half minute's or the last one's, each good once. */
export async function checkPasscode(ctx: Ctx, given: string, seeds: { id: string; user: string; blob: string }[]): Promise<boolean> {
  const now = Math.floor(ctx.now() / 1e6 / STEP)
  let hit: string | undefined
  for (const s of seeds) {
    const seed = await unseal(ctx.env, s.id, s.blob)
    if (bytesOf(seed).length >= 10) for (const step of [now, now - 1]) if (timingSafeEqual(Buffer.from(passcode(seed, step)), Buffer.from(given.padEnd(6).slice(0, 6))) && given.length === 6) hit = `totp:${s.id}:${step}`
  }
  if (hit) ctx.stage(q.insert(idempotency).values({ key: hit, answer: true, expiresAt: ctx.now() + seconds(4 * STEP) }))
  return hit !== undefined
}
