import { Buffer } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { awsFault } from './faults.ts'

/** What a request says about who signed it, before anybody knows the secret. */
export interface Claim {
  access: string
  signature: string
  /** When it was signed, milliseconds. */
  at: number
  /** Until when it is good, milliseconds; a link says so itself. */
  until: number
  scope: { date: string; region: string; service: string }
  /** Does the signature match this secret? */
  matches: (secret: string) => boolean
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** A signature is good for so long after it was made; clocks may differ by as much. */
export const WINDOW = 15 * 60_000

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
export const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')
/** As signatures spell values: everything but letters, digits and `-._~`. */
export const quote = (s: string) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
export const signingKey = (secret: string, date: string, region: string, service: string) =>
  [date, region, service, 'aws4_request'].reduce((key: string | Buffer, part) => hmac(key, part), `AWS4${secret}`) as Buffer

const unplus = (s: string) => { try { return decodeURIComponent(s.replaceAll('+', ' ')) } catch { return s } }
/** The query as it is signed: in order of names, then values, each spelled one way. */
export const canonicalQuery = (search: string, without?: string) => search.replace(/^\?/, '').split('&').filter(Boolean)
  .map((pair) => { const at = pair.indexOf('='); return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)] })
  .map(([k, v]) => [quote(unplus(k)), quote(unplus(v))] as const).filter(([k]) => k !== without)
  .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0)).map(([k, v]) => `${k}=${v}`).join('&')

/** `20261121T104642Z` in milliseconds. */
export function amzTime(text: string): number {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  return m ? Date.UTC(+m[1], +m[2] - 1, +m[3], +m[4], +m[5], +m[6]) : NaN
}
export const amzDate = (millis: number) => `${new Date(millis).toISOString().replace(/[:-]|\.\d{3}/g, '')}`

const incomplete = (message: string) => awsFault('IncompleteSignature', message)

/**
 * Reads the signature of a request, from its header or, of a presigned link, from its query; undefined when it carries
 * none. What is not as it is written down for version 4 is refused, not guessed at.
 */
export function claimOf(request: Request, url: URL, body: string): Claim | undefined {
  const header = request.headers.get('authorization') ?? '', query = url.searchParams
  if (request.headers.has('x-amz-security-token') || query.has('X-Amz-Security-Token')) throw awsFault('InvalidClientTokenId', 'The security token included in the request is invalid: this cloud issues no session tokens; sign with an access key and its secret alone.')
  const linked = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')
  if (!header && !linked) return undefined
  if (header && linked) throw incomplete('A request is signed either in its Authorization header or in its query, not in both.')
  if (query.getAll('X-Amz-Signature').length > 1 || query.getAll('X-Amz-Credential').length > 1) throw incomplete('A signature is in the query more than once.')
  const algorithm = linked ? query.get('X-Amz-Algorithm') : header.split(/\s/, 1)[0]
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported signature: '${String(algorithm).slice(0, 40)}'. This cloud takes ${ALGORITHM} (signature version 4).`)
  const parts = linked ? undefined : new Map(header.slice(ALGORITHM.length).split(',').map((p) => { const at = p.indexOf('='); return [p.slice(0, at).trim(), p.slice(at + 1).trim()] as const }))
  const part = (name: 'Credential' | 'SignedHeaders' | 'Signature') => {
    const v = linked ? query.get(`X-Amz-${name}`) : parts!.get(name)
    if (!v) throw incomplete(`Authorization ${linked ? 'query' : 'header'} requires '${linked ? 'X-Amz-' : ''}${name}' parameter.`)
    return v
  }
  const [access, date, region, service, end, ...more] = part('Credential').split('/')
  if (!access || !date || !region || !service || end !== 'aws4_request' || more.length) throw incomplete('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.')
  const names = part('SignedHeaders'), list = names.split(';'), signature = part('Signature')
  if (names !== [...list].sort().join(';') || names !== names.toLowerCase() || !list.includes('host')) throw incomplete(`SignedHeaders '${names.slice(0, 200)}' is not a sorted list of lower-case names with 'host' in it.`)
  if (!/^[0-9a-f]{64}$/.test(signature)) throw awsFault('SignatureDoesNotMatch', 'The signature is not 64 hexadecimal digits.')
  const stamp = linked ? query.get('X-Amz-Date') ?? '' : request.headers.get('x-amz-date') ?? amzDateOf(request.headers.get('date'))
  const at = amzTime(stamp)
  if (Number.isNaN(at)) throw incomplete(`Date must be in ISO-8601 'basic format'. Got '${stamp.slice(0, 40)}'.`)
  if (!stamp.startsWith(date)) throw awsFault('SignatureDoesNotMatch', `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date.slice(0, 20)}' != '${stamp.slice(0, 8)}', from '${stamp}'.`)
  if (!linked) for (const [name] of request.headers) if (name.startsWith('x-amz-') && !list.includes(name)) throw awsFault('SignatureDoesNotMatch', `The header ${name} is not among the signed ones.`)
  const lines = list.map((n) => `${n}:${(n === 'host' ? request.headers.get('host') ?? url.host : request.headers.get(n) ?? '').trim().replace(/\s+/g, ' ')}\n`)
  const expires = linked ? lifeOf(query.get('X-Amz-Expires')) : WINDOW
  const canonical = [request.method, pathOf(url), canonicalQuery(url.search, linked ? 'X-Amz-Signature' : undefined), lines.join(''), names, payload(request, linked, body)].join('\n')
  const text = [ALGORITHM, stamp, `${date}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n')
  const given = Buffer.from(signature, 'hex')
  return { access, signature, at, until: at + expires, scope: { date, region, service }, matches: (secret) => timingSafeEqual(hmac(signingKey(secret, date, region, service), text), given) }
}

/** The path as it is signed: what it has escaped is escaped once more. */
const pathOf = (url: URL) => (url.pathname || '/').split('/').map((s) => quote(s)).join('/')
const amzDateOf = (date: string | null) => { const at = Date.parse(date ?? ''); return Number.isNaN(at) ? '' : amzDate(at) }

function lifeOf(text: string | null): number {
  if (!text || !/^\d{1,6}$/.test(text) || !Number(text)) throw incomplete("X-Amz-Expires must be a number of seconds, at least 1.")
  if (Number(text) * 1000 > WINDOW) throw incomplete(`X-Amz-Expires must be at most ${WINDOW / 1000} seconds.`)
  return Number(text) * 1000
}

/** What of the body is signed. One that is not signed at all is taken only where there is none. */
function payload(request: Request, linked: boolean, body: string): string {
  const said = request.headers.get('x-amz-content-sha256'), real = sha256(body)
  if (said === null) return real
  if (said === 'UNSIGNED-PAYLOAD') {
    if (body) throw awsFault('SignatureDoesNotMatch', 'The body of a request has to be signed; UNSIGNED-PAYLOAD is for requests that have none.')
    return said
  }
  if (said !== real) throw awsFault('SignatureDoesNotMatch', linked ? 'The body is not the one that was signed.' : "The provided 'x-amz-content-sha256' header does not match what was computed.")
  return said
}

/** In time, for this service and region, and by the holder of the secret: else refused, in this order, in AWS's words. */
export function verify(claim: Claim, secret: string | undefined, now: number, wanted: { service: string[]; regions: string[] }) {
  const { service, region } = claim.scope
  if (secret === undefined) throw awsFault('InvalidClientTokenId', 'The security token included in the request is invalid.')
  if (!claim.matches(secret)) throw awsFault('SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.')
  if (!wanted.service.includes(service)) throw awsFault('SignatureDoesNotMatch', `Credential should be scoped to correct service: '${wanted.service[0]}'.`)
  if (!wanted.regions.includes(region)) throw awsFault('SignatureDoesNotMatch', `Credential should be scoped to a valid region: this is '${wanted.regions[0]}', not '${region}'.`)
  if (claim.at > now + WINDOW) throw awsFault('SignatureDoesNotMatch', `Signature not yet current: ${amzDate(claim.at)} is still later than ${amzDate(now + WINDOW)} (${amzDate(now)} + 15 min.)`)
  if (now > claim.until) throw awsFault('SignatureDoesNotMatch', `Signature expired: ${amzDate(claim.at)} is now earlier than ${amzDate(now - (claim.until - claim.at))} (${amzDate(now)} - ${Math.round((claim.until - claim.at) / 1000)} s)`)
}
