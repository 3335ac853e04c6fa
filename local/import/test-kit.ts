import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createClient } from '@libsql/client/http'
import worker from '../../functions/index.ts'
import type { Env } from '../../functions/kernel/env.ts'
import { serveLibsql } from '../libsql/serve.ts'
import { migrate } from '../migrate.ts'

/** A cloud in this process, for imports to come into. `empty`: before there is one. */
export async function importCloud(empty?: (url: string) => Promise<void>) {
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-import-')), served = await serveLibsql({ file: path.join(dir, 'db'), host: '127.0.0.1', port: 0 }), client = createClient({ url: served.url })
  await migrate(client)
  client.close()
  const env: Env = { LIBSQL_URL: served.url, S3_URL: 'http://127.0.0.1:9', S3_ACCESS_KEY: '', S3_SECRET_KEY: '', S3_BUCKET: '', MASTER_SECRET: 'test', INTERNAL_SECRET: 'internal' }
  const call = async (method: string, at: string, body?: unknown, token?: string, more: Record<string, string> = {}) => {
    const r = await worker.fetch(new Request(`http://cloud.test${at}`, { method, headers: { 'content-type': 'application/json', ...(token && { 'x-auth-token': token }), ...more }, body: body === undefined ? undefined : JSON.stringify(body) }), env, { waitUntil: () => {} })
    const text = await r.text()
    return { status: r.status, headers: r.headers, body: text ? JSON.parse(text) : undefined }
  }
  await empty?.(served.url)
  const made = await call('POST', '/_setup', { adminPassword: 'admin-secret', demoPassword: 'demo-secret', publicUrl: 'http://cloud.test', region: 'RegionOne', externalCidr: '172.24.4.0/24' }, undefined, { 'x-virga-internal': 'internal' })
  if (made.status !== 200) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
  const login = (name: string, password: string, scope: unknown, domain: string) => call('POST', '/identity/v3/auth/tokens', { auth: { identity: { methods: ['password'], password: { user: { name, domain: { name: domain }, password } } }, scope } })
  return { env, call, login, close: async () => { await served.close(); rmSync(dir, { recursive: true }) } }
}
export type ImportCloud = Awaited<ReturnType<typeof importCloud>>
