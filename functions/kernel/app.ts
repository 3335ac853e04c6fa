import { check, parseJson, readText } from './body.ts'
import { type Ctx, type Ring, unit, type Basis } from './ctx.ts'
import { Database } from './db.ts'
import { Written, type Endpoint, type Input } from './endpoint.ts'
import type { Env, Later, World } from './env.ts'
import { conflict, Fault, forbidden, invalid, Stale, unauthorized } from './fault.ts'
import { rulesIn } from './overrides.ts'
import type { Caller } from './policy.ts'
import type { About, Protocol } from './protocol.ts'
import { inVersion, statusFor, type Service } from './service.ts'
import { atVersion, negotiate, parseVersion, versionHeaders } from './version.ts'

export interface App {
  env: Env; world: World; later: Later
  /** Verifies the token of a request; undefined when it carries none; throws 401 when it is no good. */
  authenticate: (request: Request, db: Database, at: { type: string; path: string }) => Promise<Caller | undefined>
  ring: Ring
}

/** One request to one service: version, route, caller, policy, body, unit of work, answer. */
export async function serve(app: App, own: Service, request: Request, url: URL, path: string): Promise<Response> {
  const s = app.env.POLICY ? { ...own, rules: await rulesIn(own.rules, app.env.POLICY) } : own
  const requestId = requestIdOf(request, app.world)
  const about = { requestId, version: 0 }
  const headers = new Headers({ 'x-openstack-request-id': requestId })
  for (const name of s.requestIdHeaders ?? []) headers.set(name, requestId)
  let response: Response
  try {
    const document = documents(s, request, url, path)
    response = document ? render(document, 200, headers) : await answer(app, s, request, url, path, about, headers)
  } catch (e) {
    response = refuse(s, toFault(e, requestId), about, headers)
  }
  return request.method === 'HEAD' ? new Response(null, response) : response
}

function requestIdOf(request: Request, world: World) {
  return `req-${world.uuid()}`
}

/** Version documents, for anyone. */
function documents(s: Service, request: Request, url: URL, path: string): Response | undefined {
  if ((request.method !== 'GET' && request.method !== 'HEAD') || (s.protocol && url.search)) return undefined
  // They lie at the mount and one below it.
  if (path.indexOf('/', 1) > 0 && !path.endsWith('/')) return undefined
  const doc = s.versions(path.replace(/\/+$/, ''), url.origin)
  return doc && Response.json(doc.body, { status: doc.status })
}

async function answer(app: App, s: Service, request: Request, url: URL, fullPath: string, about: { requestId: string; version: number }, headers: Headers): Promise<Response> {
  if (request.url.includes('%00')) throw invalid('The path and its query may not contain a NUL character.')
  const db = new Database(app.env, app.world)
  const prefix = s.prefixes.find((p) => fullPath === p || fullPath.startsWith(`${p}/`))
  if (prefix === undefined) throw new Fault('notFound', 'The resource could not be found.', { type: 'HTTPNotFound' })
  if (s.strictSlash && fullPath.endsWith('/')) throw new Fault('notFound', 'The resource could not be found.', { type: 'HTTPNotFound' })
  let path = fullPath.slice(prefix.length).replace(/\/+$/, '') || '/'
  if (s.protocol && path === '/') return converse(app, s, s.protocol, request, url, fullPath, about, headers)
  let pathProject: string | undefined
  if (s.projectInPath) {
    const m = /^\/([0-9a-f]{32}|[0-9a-f-]{36})(\/.*|$)/.exec(path)
    if (m) { pathProject = m[1]; path = m[2] || '/' }
  }
  let versionFault: unknown
  if (s.microversions) {
    try { about.version = negotiate(s.microversions, request.headers) } catch (e) { versionFault = e; about.version = parseVersion(s.microversions.min) }
    versionHeaders(s.microversions, about.version, headers)
  }
  const hit = s.match(request.method === 'HEAD' ? 'GET' : request.method, path)
  const direct = request.method === 'HEAD' ? s.match('HEAD', path) : hit
  const found = direct.candidates ? direct : hit
  const isPublic = found.candidates?.every((e) => e.policy === 'public')
  const caller = isPublic && !request.headers.has('x-auth-token') ? undefined : await app.authenticate(request, db, { type: s.type, path: fullPath }).catch((e) => { if (isPublic && e instanceof Fault && e.kind === 'unauthorized') return undefined; throw e })
  if (!caller && !isPublic) throw unauthorized('The request you have made requires authentication.')
  if (versionFault) throw versionFault
  if (!found.candidates) {
    if (found.allowed.length) throw new Fault('method', 'The method is not allowed for this resource.', { headers: { allow: found.allowed.join(', ') } })
    throw new Fault('notFound', 'The resource could not be found.', { type: 'HTTPNotFound' })
  }
  const present = inVersion(found.candidates, about.version)
  if (!present.length) throw new Fault('notFound', 'The resource could not be found.', { type: 'HTTPNotFound' })
  if (pathProject && caller && !caller.admin && caller.project?.id !== pathProject) throw invalid(`Malformed request url: project ${pathProject} is not the one the token is scoped to.`)

  const { endpoint, body } = await choose(s, present, request)
  permit(s, endpoint, caller)
  const basis: Basis = { ...basisOf(app, s, about, url, db), caller, action: endpoint.id }
  const input = { params: found.params, query: url.searchParams, body, request, url }
  return render(await perform(app, s, endpoint, basis, input, headers), endpoint.status, headers)
}

const basisOf = (app: App, s: Service, about: About, url: URL, db: Database) => ({ env: app.env, world: app.world, later: app.later, requestId: about.requestId, rules: s.rules, version: about.version, origin: url.origin, db })

/** An action of a service that has a protocol of its own. */
async function converse(app: App, s: Service, speech: Protocol, request: Request, url: URL, path: string, about: About, headers: Headers): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'POST') throw new Fault('method', 'The method is not allowed: actions are asked for with GET or POST.', { headers: { allow: 'GET, POST' } })
  const heard = await speech.hear(request, url, s.bodyLimit ?? 1_500_000), shared = basisOf(app, s, about, url, new Database(app.env, app.world))
  const { caller, along } = await speech.caller(app, s, shared, request, url, path, heard)
  const endpoint = s.endpoints.find((e) => e.key === heard.key)
  if (!endpoint) throw speech.unknown(heard)
  permit(s, endpoint, caller)
  const input = { params: {}, query: url.searchParams, body: speech.body(endpoint, heard), request, url }
  const out = await perform(app, s, { ...endpoint, query: undefined }, { ...shared, caller, along, action: endpoint.id }, input, headers)
  return out instanceof Response ? render(out, endpoint.status, headers) : speech.answer(out, endpoint, about, headers)
}

/** Before what is asked is looked at more closely. */
function permit(s: Service, endpoint: Endpoint, caller: Caller | undefined) {
  if (endpoint.policy !== 'public' && !s.rules[endpoint.policy](caller, { project: caller?.project?.id, user: caller?.user.id, domain: caller?.domain?.id })) {
    throw forbidden(`Policy doesn't allow ${endpoint.policy} to be performed.`, { type: 'PolicyNotAuthorized' })
  }
}

/** What every endpoint goes through once it is known who asks for what: schema, unit of work. */
async function perform(app: App, s: Service, endpoint: Endpoint, basis: Basis, input: Input, headers: Headers): Promise<unknown> {
  const { db } = basis, { body, url, params } = input
  if (endpoint.body && body !== undefined) {
    const schema = s.microversions ? atVersion(endpoint.body, basis.version) : Object.values(endpoint.body)[0]
    if (schema) check(schema, body)
  }
  if (endpoint.query) check(endpoint.query, Object.fromEntries([...new Set(url.searchParams.keys())].map((k) => { const v = url.searchParams.getAll(k); return [k, v.length > 1 ? v : v[0]] })))
  const work = (ctx: Ctx) => Promise.resolve(endpoint.handle(ctx, input))
  const resource = Object.values(params).at(-1)
  const { out, ctx } = await unit(basis, work, app.ring, resource)
  if (ctx.said) for (const [k, v] of ctx.said) headers.append(k, v)
  headers.set('server-timing', `db;desc="${db.trips.reads}r ${db.trips.writes}w ${db.trips.statements}s"`)
  return out
}

async function choose(s: Service, present: Endpoint[], request: Request): Promise<{ endpoint: Endpoint; body: unknown }> {
  const first = present[0]
  if (present.length === 1 && (first.raw || !(first.body || first.key))) {
    // A body nobody reads is left alone; the runtime drops it with the request.
    return { endpoint: first, body: undefined }
  }
  const text = await readText(request, s.bodyLimit ?? 1_500_000)
  if (!text && (first.bodyOptional || !first.body) && !first.key) return { endpoint: first, body: undefined }
  const body = parseJson(text || 'null')
  if (!present.some((e) => e.key)) {
    if (body === null || typeof body !== 'object') throw invalid('Malformed request body: a JSON object is required.')
    return { endpoint: first, body }
  }
  const keys = body && typeof body === 'object' ? Object.keys(body) : []
  const endpoint = present.find((e) => e.key && keys.includes(e.key))
  if (!endpoint) throw invalid(keys.length ? `There is no such action: ${keys[0]}` : 'Malformed request body: an action is required.')
  if (keys.length > 1 && !endpoint.body) throw invalid('Malformed request body: one action at a time.')
  return { endpoint, body }
}

function render(out: unknown, status: number, headers: Headers): Response {
  if (out instanceof Response) {
    const r = new Response(out.body, out)
    for (const [k, v] of headers) if (!r.headers.has(k)) r.headers.append(k, v)
    return r
  }
  if (out === undefined) return new Response(null, { status, headers })
  headers.set('content-type', 'application/json')
  return new Response(out instanceof Written ? out.json : JSON.stringify(out), { status, headers })
}

export function refuse(s: Service, f: Fault, about: { requestId: string; version: number }, headers: Headers): Response {
  const status = statusFor(s, f)
  if (f.kind === 'unauthorized' && !s.protocol && !headers.has('www-authenticate')) headers.set('www-authenticate', 'Keystone uri="/identity"')
  if (f.detail.retryAfter) headers.set('retry-after', String(f.detail.retryAfter))
  for (const [k, v] of Object.entries(f.detail.headers ?? {})) headers.set(k, v)
  const unauthenticated = f.kind === 'unauthorized' && s.name !== 'identity' && !s.protocol
  const { body, type, status: own } = unauthenticated
    ? { body: { error: { message: f.message, code: 401, title: 'Unauthorized' } }, type: undefined, status: undefined }
    : s.render(f, status, about)
  headers.set('content-type', type ?? 'application/json')
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status: own ?? status, headers })
}

/** Anything thrown becomes a failure with words a user may read; what was not foreseen is logged whole and told briefly. */
export function toFault(e: unknown, requestId: string): Fault {
  if (e instanceof Fault) return e
  if (e instanceof Stale) return conflict('The resource was changed by another request at the same time; try again.', { type: 'Conflict', retryAfter: 1 })
  if (e instanceof URIError) return invalid('The path is not valid UTF-8.')
  console.error(JSON.stringify({ level: 'error', what: 'unexpected', requestId, error: e instanceof Error ? e.stack : String(e) }))
  return new Fault('unavailable', `Unexpected error; nothing was changed. Please tell the operator the request id ${requestId}.`, { status: 500 })
}
