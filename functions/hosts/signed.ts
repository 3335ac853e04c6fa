import { eq } from 'drizzle-orm'
import { importJWK, jwtVerify, decodeProtectedHeader } from 'jose'
import type { TSchema, Static } from 'typebox'
import Value from 'typebox/value'
import { host } from '../../schema/host.ts'
import { check, parseJson, readText } from '../kernel/body.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import type { Input } from '../kernel/endpoint.ts'
import { unauthorized } from '../kernel/fault.ts'

export type HostRow = typeof host.$inferSelect
interface Verified { text: string; bell: number; claims: { iss: string; jti: string; iat: number } }
const entered = new WeakMap<Request, Promise<{ text: string; bell: number }>>()
const keys = new Map<string, Promise<CryptoKey | Uint8Array>>()

/**
 * A call signed by a host: EdDSA over method, path and body digest, good for 60 s and for one use, and the host in the
 * path is the one that signed. `row` is the host's, which the caller read in its own batch: the signature costs no round trip.
 */
export async function signedBy(ctx: Ctx, input: Input, row: HostRow | undefined): Promise<Verified> {
  const refuse = (why: string) => unauthorized(`The host's signature was refused: ${why}.`)
  const jwt = /^Bearer (.+)$/.exec(input.request.headers.get('authorization') ?? '')?.[1]
  if (!jwt) throw refuse('there is none')
  if (!row) throw refuse('this host is not enrolled')
  try {
    if (decodeProtectedHeader(jwt).kid !== row.id) throw new Error()
  } catch { throw refuse('it names another host') }
  let key = keys.get(row.publicKey.x)
  if (!key) keys.set(row.publicKey.x, key = importJWK(row.publicKey, 'EdDSA') as Promise<CryptoKey>)
  const { payload } = await jwtVerify(jwt, await key as CryptoKey, { algorithms: ['EdDSA'], issuer: row.id, maxTokenAge: '60s', clockTolerance: 5, currentDate: new Date(ctx.now() / 1000), requiredClaims: ['jti', 'iat', 'exp', 'htm', 'htu', 'bd'] })
    .catch((e) => { throw refuse(e instanceof Error ? e.message : 'not verifiable') })
  if (payload.htm !== input.request.method || payload.htu !== input.url.pathname + input.url.search) throw refuse('it was made for another call')
  let once = entered.get(input.request)
  if (!once) {
    once = readText(input.request, 8_000_000).then(async (text) => ({ text, bell: await enter(ctx, row.id, payload.jti as string, payload.iat as number) }))
    entered.set(input.request, once)
  }
  const { text, bell } = await once
  if (await digest(text) !== payload.bd) throw refuse('the body is not the one that was signed')
  if (bell < 0) throw refuse('this call was made before')
  return { text, bell, claims: payload as Verified['claims'] }
}

/** Reads and checks a signed call's body. A host one release ahead says things not known here yet: those are left out, all else must be right. */
export function bodyOf<S extends TSchema>(schema: S, text: string): Static<S> {
  const body = parseJson(text)
  if (!Value.Check(schema, body)) Value.Clean(schema, body)
  check(schema, body)
  return body as Static<S>
}

async function digest(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return btoa(String.fromCharCode(...hash)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Admits a call once; answers the doorbell's count, -1 for a replay. */
async function enter(ctx: Ctx, id: string, jti: string, iat: number): Promise<number> {
  const bell = doorbell(ctx, id)
  if (!bell) return 0
  const answer = await bell.fetch(`http://doorbell/enter?jti=${encodeURIComponent(jti)}&iat=${iat}`)
  return answer.status === 200 ? Number(await answer.text()) : -1
}

export function doorbell(ctx: { env: Ctx['env'] }, name: string) {
  const d = ctx.env.DOORBELL
  return d?.get(d.idFromName(name))
}

export const hostQuery = (id: string) => q.select().from(host).where(eq(host.id, id))
