import { scrypt, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'
import type { World } from '../kernel/env.ts'
import { invalid } from '../kernel/fault.ts'
import { kindOf, matchesForeign, nobodys } from './foreign.ts'

/** `$scrypt$ln=14,r=8,p=1$SALT$HASH`: the cost stands in the hash, so that it can be raised without breaking old ones. */
const COST = { ln: 14, r: 8, p: 1 }
export const MAX_PASSWORD = 4096

const derive = (password: string, salt: Uint8Array, c: typeof COST) => new Promise<Buffer>((resolve, reject) =>
  scrypt(password, salt, 32, { N: 2 ** c.ln, r: c.r, p: c.p, maxmem: 256 * 2 ** c.ln * c.r }, (e, key) => (e ? reject(e) : resolve(key))))
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll('=', '')

export async function hashPassword(world: World, password: string): Promise<string> {
  if (Buffer.byteLength(password) > MAX_PASSWORD) throw invalid(`Invalid input for field 'password': it is longer than ${MAX_PASSWORD} bytes.`)
  const salt = world.random(16)
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${b64(salt)}$${b64(await derive(password, salt, COST))}`
}

const OURS = `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$`
const OWN = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/
/** Not of our kind or cost: hashed anew when the user is there to show the password. */
export const outdated = (hash: string | null | undefined) => hash != null && !hash.startsWith(OURS)

/** How many hashes of each kind were computed here: what a test compares, since clocks flake. */
export const computed = new Map<string, number>()

/** Undefined when the hash is of no kind we know: then nothing was computed. */
async function matches(password: string, hash: string): Promise<boolean | undefined> {
  const kind = kindOf(hash)
  if (kind) computed.set(kind, (computed.get(kind) ?? 0) + 1)
  const m = OWN.exec(hash)
  if (!m) return matchesForeign(password, hash)
  const wanted = Buffer.from(m[5], 'base64'), got = await derive(password, Buffer.from(m[4], 'base64'), { ln: Number(m[1]), r: Number(m[2]), p: Number(m[3]) })
  return got.length === wanted.length && timingSafeEqual(got, wanted)
}

/**
 * A wrong password costs one hash of our kind and one of each kind that some user here came with (`kinds`), whoever it was given for and
 * whether they exist: how long it takes tells nothing. A right one costs its own.
 */
export async function checkPassword(password: string, hash: string | null | undefined, kinds: string[] = []): Promise<boolean> {
  const good = hash ? await matches(password, hash) : undefined
  if (good) return true
  const done = good === undefined ? undefined : kindOf(hash!)
  for (const kind of new Set([OURS, ...kinds])) if (kind !== done) await matches(password, nobodys(kind))
  return false
}

/** A secret we made ourselves has 256 bits: one round of SHA-256 hides it well. One a user chose is hashed as a password. */
export async function hashSecret(world: World, chosen?: string): Promise<{ secret: string; hash: string }> {
  if (chosen !== undefined) return { secret: chosen, hash: await hashPassword(world, chosen) }
  const secret = Buffer.from(world.random(64)).toString('base64url')
  return { secret, hash: `$sha256$${b64(await sha256(secret))}` }
}

/** A wrong one costs as much as a wrong password, whatever kind it is and whether it exists at all. */
export async function checkSecret(secret: string, hash: string | null | undefined, kinds: string[] = []): Promise<boolean> {
  const own = /^\$sha256\$(.+)$/.exec(hash ?? '')
  if (!own) return checkPassword(secret, hash, kinds)
  if (timingSafeEqual(await sha256(secret), Buffer.from(own[1], 'base64'))) return true
  return checkPassword(secret, null, kinds)
}

const sha256 = async (text: string) => Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
