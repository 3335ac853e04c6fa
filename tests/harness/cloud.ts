import { env as bindings } from 'cloudflare:workers'
import { AwsClient } from 'aws4fetch'
import { afterAll, inject } from 'vitest'
import worker from '../../functions/index.ts'
import { Database } from '../../functions/kernel/db.ts'
import { world, type Env } from '../../functions/kernel/env.ts'
import { pace } from '../../functions/kernel/nudge.ts'
import { forget } from '../../functions/identity/tokens/authenticate.ts'
import { clouds } from './clouds.ts'
import { TestHost } from './host.ts'

export interface Answer { status: number; headers: Headers; body: any; text: string; /** `1r 1w 7s` */ trips: string }
export interface Ask { token?: string; body?: unknown; headers?: Record<string, string>; raw?: BodyInit; version?: string }
export const passwords = { admin: 'admin-secret', demo: 'demo-secret' }
// What was left for after an answer is awaited (`settle`), and hosts here are asked, not told: nobody hears what a pause would spare.
pace.ms = 0
let bucketMade: Promise<unknown> | undefined

/**
 * A cloud of its own for one test file: fresh database, seeded; the functions run in this very isolate. After every test
 * its invariants are asserted, unless `untidy` says why its rows are none an API would leave.
 */
export async function cloud(options: { seed?: boolean; untidy?: string } = {}) {
  const { url } = await (await fetch(`${inject('control')}/database`, { method: 'POST' })).json() as { url: string }
  const env: Env = {
    LIBSQL_URL: url, S3_URL: inject('s3'), S3_ACCESS_KEY: 'test', S3_SECRET_KEY: 'test-secret', S3_BUCKET: 'virga',
    MASTER_SECRET: 'test-master', INTERNAL_SECRET: 'test-internal', REGION: 'RegionOne', DOORBELL: (bindings as unknown as Env).DOORBELL, CONSOLE: (bindings as unknown as Env).CONSOLE,
  }
  bucketMade ??= new AwsClient({ accessKeyId: 'test', secretAccessKey: 'test-secret', service: 's3', region: 'us-east-1' }).fetch(`${env.S3_URL}/virga`, { method: 'PUT' })
  await bucketMade
  const pending: Promise<unknown>[] = []
  const later = { waitUntil: (p: Promise<unknown>) => { pending.push(p.catch(() => {})) } }

  async function call(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const headers = new Headers(ask.headers)
    if (ask.token) headers.set('x-auth-token', ask.token)
    if (ask.version) headers.set('openstack-api-version', ask.version)
    if (ask.body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    const request = new Request(`http://cloud.test${path}`, { method, headers, body: ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body)) })
    const r = await worker.fetch(request, env, later)
    const text = await r.text()
    let body: unknown
    try { body = JSON.parse(text) } catch { body = undefined }
    return { status: r.status, headers: r.headers, body, text, trips: /desc="([^"]+)"/.exec(r.headers.get('server-timing') ?? '')?.[1] ?? '' }
  }
  /** What was left for after the answers. */
  async function settle() { while (pending.length) await Promise.all(pending.splice(0)) }
  const internal = (what: string, body: unknown = {}) => call('POST', `/${what}`, { headers: { 'x-virga-internal': env.INTERNAL_SECRET }, body })

  async function login(user: string, password: string, project: string | null = user): Promise<string> {
    const r = await call('POST', '/identity/v3/auth/tokens', { body: { auth: {
      identity: { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password } } },
      ...(project ? { scope: { project: { name: project, domain: { id: 'default' } } } } : {}),
    } } })
    if (r.status !== 201) throw new Error(`login of ${user}: ${r.status} ${r.text}`)
    return r.headers.get('x-subject-token')!
  }
  if (options.seed !== false) {
    const r = await internal('_setup', { adminPassword: passwords.admin, demoPassword: passwords.demo, publicUrl: 'http://cloud.test', region: 'RegionOne', externalCidr: '172.24.4.0/24', simulated: true })
    if (r.status !== 200) throw new Error(`setup: ${r.status} ${r.text}`)
  }
  const self = {
    env, call, settle, login, internal, world,
    /** Straight at the rows, for invariants and for what no API shows. */
    db: () => new Database(env, world),
    tick: () => internal('_tick'),
    /** The next requests do not renew what the isolate knows of ended tokens: their counts are their own. */
    async quiet(token: string) { forget(); await call('GET', '/identity/v3/auth/catalog', { token }) },
    admin: () => login('admin', passwords.admin),
    demo: () => login('demo', passwords.demo),
    /** Enrols an obedient host. */
    host: async (name = `host-${crypto.randomUUID().slice(0, 8)}`, capacity = {}) => {
      const minted = await call('POST', '/hosts', { token: await self.admin(), body: {} })
      return TestHost.enroll(call, minted.body.enrollment.token, name, capacity)
    },
  }
  afterAll(settle)
  if (!options.untidy) clouds.push(self)
  return self
}
export type Cloud = Awaited<ReturnType<typeof cloud>>
