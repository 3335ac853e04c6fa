import { RegExpRouter } from 'hono/router/reg-exp-router'
import { TrieRouter } from 'hono/router/trie-router'
import { SmartRouter } from 'hono/router/smart-router'
import type { TSchema } from 'typebox'
import type { Ctx } from './ctx.ts'
import type { Declaration, Endpoint } from './endpoint.ts'
import { statusOf, type Fault } from './fault.ts'
import type { Check } from './policy.ts'
import type { Protocol } from './protocol.ts'
import { parseVersion, type Microversions } from './version.ts'

export interface ServiceConfig<R extends string = string> {
  name: string
  /** The catalog's type. */
  type: string
  /** The first path segment, with its slash. */
  mount: string
  /** Version prefixes below the mount, first the one links use; [''] for none. */
  prefixes: string[]
  /** `/v3/{project_id}/volumes` means `/v3/volumes`. */
  projectInPath?: boolean
  microversions?: Microversions
  rules: Record<R, Check>
  /** A failure in this API's own words. */
  render: (fault: Fault, status: number, about: { requestId: string; version: number }) => { body: unknown; type?: string; status?: number }
  /** Kinds whose status departs from the table. */
  statuses?: Partial<Record<Fault['kind'], number>>
  /** Version documents: asked for at the mount and at each prefix, with and without trailing slash, without a token. */
  versions: (path: string, origin: string) => { status: number; body: unknown } | undefined
  /** Names of the header that carries the request id besides x-openstack-request-id. */
  requestIdHeaders?: string[]
  /** A trailing slash names a resource with an empty id: 404, where other services mean the list. */
  strictSlash?: boolean
  /** The root of each prefix speaks this instead of JSON: Query APIs, for one. */
  protocol?: Protocol
  /** The largest JSON body taken. */
  bodyLimit?: number
}

export interface Service extends ServiceConfig {
  endpoints: Endpoint[]
  match: (method: string, path: string) => { candidates?: Endpoint[]; params: Record<string, string>; allowed: string[] }
}

/** A service's own `endpoint`: its rule names are checked by the compiler. */
export function service<R extends string>(config: ServiceConfig<R>) {
  return {
    ...config,
    endpoint: <S extends Record<string, TSchema>>(d: Declaration<R, S>): Endpoint => ({ ...d, id: `${config.name}.${d.id}` }) as Endpoint,
    /** The service at a glance: its list of endpoints. */
    serve: (list: (Endpoint | Endpoint[])[]): Service => {
      const endpoints = list.flat().map((e) => (e.id.startsWith(`${config.name}.`) ? e : { ...e, id: `${config.name}.${e.id}` }))
      return { ...config, endpoints, match: matcher(endpoints) } as Service
    },
  }
}

function matcher(endpoints: Endpoint[]): Service['match'] {
  const groups = new Map<string, Endpoint[]>()
  for (const e of endpoints) {
    const at = `${e.method} ${e.path.replace(/\{(\w+)\}/g, ':$1')}`
    groups.set(at, [...(groups.get(at) ?? []), e])
  }
  const router = new SmartRouter<Endpoint[]>({ routers: [new RegExpRouter(), new TrieRouter()] })
  const methods = new Set<string>()
  // Words before values: `/servers/detail` is not the server `detail`.
  for (const [at, group] of [...groups].sort(([a], [b]) => rank(a) - rank(b))) {
    const [method, path] = at.split(' ')
    methods.add(method)
    router.add(method, path || '/', group)
  }
  const look = (method: string, path: string) => {
    const [found, stash] = router.match(method, path)
    const hit = found[0]
    if (!hit) return undefined
    const params: Record<string, string> = {}
    for (const [name, value] of Object.entries(hit[1])) {
      const raw = stash ? stash[value as number] : (value as string)
      try { params[name] = decodeURIComponent(raw) } catch { params[name] = raw }
    }
    return { candidates: hit[0], params }
  }
  return (method, path) => {
    const hit = look(method, path)
    if (hit) return { ...hit, allowed: [] }
    return { params: {}, allowed: [...methods].filter((m) => m !== method && look(m, path)) }
  }
}

const rank = (at: string) => at.split('/').reduce((n, part) => n * 2 + (part.startsWith(':') ? 1 : 0), 0)

/** Of the endpoints on one method and path, those that exist at this version. */
export const inVersion = (list: Endpoint[], version: number) => list.filter((e) =>
  (!e.since || version >= parseVersion(e.since)) && (!e.until || version <= parseVersion(e.until)))

export const statusFor = (s: ServiceConfig, f: Fault) => f.detail.status ?? s.statuses?.[f.kind] ?? statusOf[f.kind]
export type { Ctx }
