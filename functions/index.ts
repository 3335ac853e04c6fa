import { serve, toFault, type App } from './kernel/app.ts'
import type { Basis, Ctx } from './kernel/ctx.ts'
import { Database } from './kernel/db.ts'
import { resume } from './kernel/engine.ts'
import { runNodes } from './kernel/graph.ts'
import { world, type Env, type Later } from './kernel/env.ts'
import { goOn, tick } from './kernel/sweep.ts'
import { authenticate } from './identity/tokens/authenticate.ts'
import { sagaOf } from './sagas.ts'
import { services } from './services.ts'
import { sweeps } from './sweeps.ts'

export { Console } from './console/meeting.ts'
export { Doorbell } from './kernel/doorbell.ts'
export { services } from './services.ts'

function appOf(env: Env, later: Later): App {
  return {
    env, world, later,
    authenticate: (request, db, at) => authenticate(env, world, db, request, at),
    ring: async (host, gently) => { const d = env.DOORBELL; if (d) await d.get(d.idFromName(host)).fetch(`http://doorbell/${gently ? 'nudge' : 'ring'}`) },
  }
}

/** A basis for the cloud's own work: no caller, the newest version. */
export function ownBasis(app: App, action: string): Basis {
  return { env: app.env, world: app.world, later: app.later, requestId: `req-${app.world.uuid()}`, rules: {}, version: Number.MAX_SAFE_INTEGER, action, origin: app.env.PUBLIC_URL ?? '', db: new Database(app.env, app.world) }
}

resume.later = (ctx: Ctx, id: string) => {
  const app = appOf(ctx.env, ctx.basis.later)
  return goOn({ ...ownBasis(app, 'saga'), requestId: ctx.requestId }, app.ring, id, sagaOf)
}

resume.nodes = (ctx: Ctx, nodes, ended) => {
  const app = appOf(ctx.env, ctx.basis.later)
  return runNodes({ basis: { ...ownBasis(app, 'node'), requestId: ctx.requestId }, ring: app.ring, sagaOf }, nodes, ended)
}

export default {
  async fetch(request: Request, env: Env, later: Later): Promise<Response> {
    const url = new URL(request.url)
    const app = appOf(env, later)
    const [, first] = url.pathname.split('/', 2)
    if (first === '') return Response.json(root(url.origin))
    if (first === '_tick' || first === '_setup') return internal(app, request, first)
    const load = services[first]
    if (!load) return Response.json({ error: { code: 404, message: `There is no service at /${first}; the root lists what there is.` } }, { status: 404 })
    const { default: s } = await load()
    return serve(app, s, request, url, url.pathname.slice(first.length + 1))
  },
  async scheduled(_event: unknown, env: Env, later: Later) {
    const app = appOf(env, later)
    later.waitUntil(tick(ownBasis(app, 'tick'), sweeps, app.ring))
  },
}

/** What only the operator's own runner may ask: the sweeps' heartbeat, and the first setting-up. */
async function internal(app: App, request: Request, what: string): Promise<Response> {
  const { timingSafeEqual } = await import('node:crypto')
  const given = new TextEncoder().encode(request.headers.get('x-virga-internal') ?? ''), wanted = new TextEncoder().encode(app.env.INTERNAL_SECRET)
  if (request.method !== 'POST' || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return new Response(null, { status: 404 })
  const basis = ownBasis(app, what)
  try {
    if (what === '_tick') {
      await tick(basis, sweeps, app.ring)
      return new Response(null, { status: 204 })
    }
    const { setup } = await import('./setup.ts')
    return Response.json(await setup(basis, app.ring, await request.json()))
  } catch (e) {
    const f = toFault(e, basis.requestId)
    return Response.json({ error: { kind: f.kind, message: f.message } }, { status: f.kind === 'unavailable' ? 503 : 400 })
  }
}

const root = (origin: string) => ({
  name: 'virga',
  services: Object.fromEntries(['identity/v3', 'image', 'compute/v2.1', 'placement', 'network', 'volume/v3', 'orchestration/v1', 'cloudformation/v1', 'ec2', 'sts', 'ssm', 'iam', 'hosts'].map((path) => [path.split('/')[0], `${origin}/${path}`])),
})
