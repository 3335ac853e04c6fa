import { Buffer } from 'node:buffer'
import ipaddr from 'ipaddr.js'
import type { Env, World } from './env.ts'
import { invalid } from './fault.ts'

/**
 * Reads what a user names by an address. The functions stand where users must not look, so: `OUTSIDE` is a network that
 * leads to public addresses only, whatever a name is resolved to at that moment; other addresses are asked when the operator
 * vouches for how they begin. Nothing of the caller goes along; size, time and hops are bounded, and each hop is judged anew.
 */
const HOPS = 3, PATIENCE = 10_000
export interface Outside { env: Pick<Env, 'OUTSIDE' | 'TEMPLATE_URLS'>; world: Pick<World, 'fetch'> }

/** Does an address begin as one of those of a list: same origin, same path or below it? */
export const listed = (list: string | undefined, url: URL) => (list ?? '').split(',').map((s) => s.trim()).filter(Boolean).some((entry) => {
  try { const a = new URL(entry); return a.origin === url.origin && (url.pathname === a.pathname || url.pathname.startsWith(a.pathname.endsWith('/') ? a.pathname : `${a.pathname}/`)) } catch { return false }
})

/** The way to an address; throws when there is none. */
function wayTo({ env, world }: Outside, url: URL, name: string): typeof fetch {
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || /%2e|%2f|%5c|\\/i.test(url.pathname)) throw invalid(`${name} must be an http or https address without a user and without encoded dots and slashes.`)
  if (listed(env.TEMPLATE_URLS, url)) return world.fetch
  const host = url.hostname.replace(/^\[|\]$/g, ''), inside = invalid(`${name} may not be fetched from ${url.host}: it is not a public address, and none the operator allows (TEMPLATE_URLS).`)
  if (host === 'localhost' || host.endsWith('.localhost') || (ipaddr.isValid(host) && ipaddr.process(host).range() !== 'unicast')) throw inside
  if (!env.OUTSIDE) throw invalid(`${name} may not be fetched from ${url.host}: the operator allows only some addresses (TEMPLATE_URLS).`)
  return env.OUTSIDE.fetch.bind(env.OUTSIDE)
}

export async function readOutside(o: Outside, address: string, name: string, limit: number): Promise<string> {
  let url: URL
  try { url = new URL(address) } catch { throw invalid(`${name} is not an address.`) }
  const until = AbortSignal.timeout(PATIENCE), at = url.host
  try {
    for (let hop = 0; hop <= HOPS; hop++) {
      const answer = await wayTo(o, url, name)(url.href, { redirect: 'manual', signal: until, headers: { accept: '*/*', 'user-agent': 'virga' } })
      const next = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null
      if (next === null) {
        if (answer.status !== 200) { await answer.body?.cancel(); throw invalid(`${name} cannot be read: ${url.host} answered ${answer.status}.`) }
        return await bounded(answer, name, limit)
      }
      await answer.body?.cancel()
      const from = url.protocol
      try { url = new URL(next, url) } catch { throw invalid(`${name} leads to what is not an address.`) }
      if (from === 'https:' && url.protocol !== 'https:') throw invalid(`${name} leads from https to ${url.protocol}//.`)
    }
  } catch (e) {
    if (e instanceof Error && 'kind' in e) throw e
    throw invalid(`${name} cannot be read: ${at} cannot be reached${until.aborted ? ' in time' : ', or is not a public address'}.`)
  }
  throw invalid(`${name} leads from one address to the next.`)
}

async function bounded(answer: Response, name: string, limit: number): Promise<string> {
  const long = invalid(`${name} may not exceed ${limit} bytes.`, { type: 'TooLong' }), parts: Uint8Array[] = []
  let size = 0
  if (Number(answer.headers.get('content-length') ?? 0) > limit) { await answer.body?.cancel(); throw long }
  const reader = answer.body?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) break
    size += part.value.length
    if (size > limit) { await reader!.cancel(); throw long }
    parts.push(part.value)
  }
  return Buffer.concat(parts).toString()
}
