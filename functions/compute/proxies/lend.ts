import { check } from '../../kernel/body.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { forbidden, notFound } from '../../kernel/fault.ts'
import { inVersion, type Service } from '../../kernel/service.ts'
import { atVersion, parseVersion } from '../../kernel/version.ts'

const services: Record<string, () => Promise<{ default: Service }>> = {
  image: () => import('../../image/index.ts'), network: () => import('../../network/index.ts'), volume: () => import('../../volume/index.ts'),
}

/**
 * What another service's API would answer the caller, in this very unit: its rules, its schemas, its verbs, this batch.
 * Old compute calls that later got a service of their own are translated to that service's words and lent to it.
 */
export async function lend(ctx: Ctx, name: 'image' | 'network' | 'volume', method: string, path: string, more: { body?: unknown; query?: Record<string, string | undefined>; media?: string } = {}): Promise<any> {
  const { default: s } = await services[name]()
  const version = s.microversions ? parseVersion(s.microversions.max) : 0, hit = s.match(method, path)
  const body = more.body, endpoint = inVersion(hit.candidates ?? [], version).find((e) => !e.key || (body && typeof body === 'object' && e.key in body))
  if (!endpoint) throw notFound('resource', path)
  const own = Object.create(ctx, { basis: { value: { ...ctx.basis, rules: s.rules, version } } }) as Ctx
  if (endpoint.policy !== 'public' && !s.rules[endpoint.policy](ctx.anyone, { project: ctx.anyone?.project?.id, user: ctx.anyone?.user.id })) throw forbidden(`Policy doesn't allow ${endpoint.policy} to be performed.`)
  const schema = endpoint.body && (s.microversions ? atVersion(endpoint.body, version) : Object.values(endpoint.body)[0])
  if (schema && body !== undefined) check(schema, body)
  const query = new URLSearchParams(Object.entries(more.query ?? {}).filter((e): e is [string, string] => e[1] !== undefined))
  const url = new URL(`${ctx.origin}${s.mount}${s.prefixes[0]}${path}${query.size ? `?${query}` : ''}`)
  const out = await endpoint.handle(own, { params: hit.params, query: url.searchParams, body, url, request: new Request(url, { method, headers: { 'content-type': more.media ?? 'application/json' } }) })
  return out instanceof Response ? out.json().catch(() => undefined) : out
}
