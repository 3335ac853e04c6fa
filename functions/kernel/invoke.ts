import { services } from '../services.ts'
import { parseJson, check } from './body.ts'
import { Ctx } from './ctx.ts'
import { Written } from './endpoint.ts'
import { forbidden, invalid, notFound } from './fault.ts'
import { rulesIn } from './overrides.ts'
import type { Caller } from './policy.ts'
import { inVersion } from './service.ts'
import { atVersion, parseVersion } from './version.ts'

export interface Invocation {
  /** The first path segment: `network`, `compute`, `identity`. */
  service: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the version prefix: `/networks/4f…`. */
  path: string
  /** Of those that share a path by a name (AWS's services): which. Elsewhere the body says. */
  action?: string
  query?: Record<string, string | string[]>
  body?: unknown
  /** A microversion; the newest when not said. */
  version?: string
  headers?: Record<string, string>
}
export interface Invoked { status: number; body: any; headers: Headers }

/** This very unit as another service's: by its rules, at its newest version. For verbs that say more than their endpoints do. */
export async function within(ctx: Ctx, service: string): Promise<Ctx> {
  const { default: own } = await services[service]()
  return new Ctx({ ...ctx.basis, rules: ctx.env.POLICY ? await rulesIn(own.rules, ctx.env.POLICY) : own.rules, version: own.microversions ? parseVersion(own.microversions.max) : 0 }, ctx)
}

/**
 * Any endpoint, called from inside: the same schema, policy, version checks and words as over HTTP, in the name of `caller`,
 * but in this very unit: what it changes lands in the batch of who called, or not at all. What was staged before cannot be
 * read by it. Throws the endpoint's own Fault.
 */
export async function invoke(ctx: Ctx, caller: Caller | undefined, to: Invocation): Promise<Invoked> {
  const { default: own } = await services[to.service]()
  const rules = ctx.env.POLICY ? await rulesIn(own.rules, ctx.env.POLICY) : own.rules
  const version = own.microversions ? parseVersion(to.version ?? own.microversions.max) : 0
  const found = own.match(to.method, to.path)
  const present = found.candidates && inVersion(found.candidates, version)
  if (!present?.length) throw notFound('resource', to.path)
  const body = to.body === undefined ? undefined : plain(to.body)
  const keys = body && typeof body === 'object' ? Object.keys(body) : []
  const endpoint = present.some((e) => e.key) ? present.find((e) => e.key && (to.action ? e.key === to.action : keys.includes(e.key))) : present[0]
  if (!endpoint) throw invalid(`There is no such action: ${to.action ?? keys[0]}`)
  if (endpoint.policy !== 'public' && !rules[endpoint.policy](caller, { project: caller?.project?.id, user: caller?.user.id, domain: caller?.domain?.id })) throw forbidden(`Policy doesn't allow ${endpoint.policy} to be performed.`, { type: 'PolicyNotAuthorized' })
  const schema = endpoint.body && (own.microversions ? atVersion(endpoint.body, version) : Object.values(endpoint.body)[0])
  if (schema && body !== undefined) check(schema, body)
  const query = new URLSearchParams()
  for (const [k, v] of Object.entries(to.query ?? {})) for (const one of [v].flat()) query.append(k, one)
  if (endpoint.query) check(endpoint.query, Object.fromEntries([...new Set(query.keys())].map((k) => { const v = query.getAll(k); return [k, v.length > 1 ? v : v[0]] })))
  const origin = ctx.origin || 'http://inside', url = new URL(`${origin}${own.mount}${own.prefixes[0]}${to.path}${query.size ? `?${query}` : ''}`)
  const inner = new Ctx({ ...ctx.basis, caller, rules, version, action: endpoint.id, origin }, ctx), before = ctx.mark()
  const out = await endpoint.handle(inner, { params: found.params, query, body, url, request: new Request(url, { method: to.method, headers: to.headers }) })
  if (ctx.mark() > before) inner.note(Object.values(found.params).at(-1))
  if (out instanceof Written) return { status: endpoint.status, body: parseJson(out.json), headers: inner.headers }
  if (!(out instanceof Response)) return { status: endpoint.status, body: out, headers: inner.headers }
  const text = await out.text()
  return { status: out.status, body: text && /json/.test(out.headers.get('content-type') ?? '') ? parseJson(text) : text || undefined, headers: new Headers([...inner.headers, ...out.headers]) }
}

/** As it would have come over the wire: members without a value are absent. */
function plain(v: unknown): unknown {
  if (Array.isArray(v)) return v.map((x) => plain(x) ?? null)
  if (v && typeof v === 'object') return Object.fromEntries(Object.entries(v).flatMap(([k, x]) => (x === undefined ? [] : [[k, plain(x)]])))
  return v
}
