import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createClient } from '@libsql/client/http'
import worker, { ownBasis } from '../../functions/index.ts'
import { world, type Env } from '../../functions/kernel/env.ts'
import type { Sweep } from '../../functions/kernel/sweep.ts'
import { serveLibsql } from '../../local/libsql/serve.ts'
import { migrate } from '../../local/migrate.ts'

/** A cloud of users in this very process, for tests against programs that only run beside it. */
export async function inside() {
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-directory-')), served = await serveLibsql({ file: path.join(dir, 'db'), host: '127.0.0.1', port: 0 }), client = createClient({ url: served.url })
  await migrate(client)
  client.close()
  const env: Env = { LIBSQL_URL: served.url, S3_URL: 'http://127.0.0.1:9', S3_ACCESS_KEY: '', S3_SECRET_KEY: '', S3_BUCKET: '', MASTER_SECRET: 'test', INTERNAL_SECRET: 'internal' }
  const later = { waitUntil: () => {} }
  async function call(method: string, at: string, body?: unknown, token?: string, more: Record<string, string> = {}) {
    const r = await worker.fetch(new Request(`http://cloud.test/identity/v3${at}`, { method, redirect: 'manual', headers: { 'content-type': 'application/json', ...(token && { 'x-auth-token': token }), ...more }, body: body === undefined ? undefined : JSON.stringify(body) }), env, later)
    const text = await r.text()
    return { status: r.status, headers: r.headers, text, body: /json/.test(r.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined }
  }
  const made = await worker.fetch(new Request('http://cloud.test/_setup', { method: 'POST', headers: { 'x-virga-internal': 'internal' }, body: JSON.stringify({ adminPassword: 'admin-secret', demoPassword: 'demo-secret', publicUrl: 'http://cloud.test', region: 'RegionOne', externalCidr: '172.24.4.0/24' }) }), env, later)
  if (made.status !== 200) throw new Error(await made.text())
  const login = (user: object, password: string, scope: unknown = 'unscoped') => call('POST', '/auth/tokens', { auth: { identity: { methods: ['password'], password: { user: { ...user, password } } }, scope } })
  const admin = (await login({ name: 'admin', domain: { id: 'default' } }, 'admin-secret', { project: { name: 'admin', domain: { id: 'default' } } })).headers.get('x-subject-token')!
  return {
    env, dir, call, login, admin,
    sweep: (s: Sweep) => s.run(ownBasis({ env, world, later, authenticate: async () => undefined, ring: async () => {} }, s.name), async () => {}),
    async close() { await served.close(); rmSync(dir, { recursive: true }) },
  }
}
export type Inside = Awaited<ReturnType<typeof inside>>
