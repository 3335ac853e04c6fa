import { readFileSync } from 'node:fs'

/** A cloud's API as its operator: credentials as `openstack` takes them, from the environment or from an openrc. */
export interface Api { url: string; call<T = any>(method: string, path: string, body?: unknown): Promise<T> }

export async function api(openrc?: string): Promise<Api> {
  const env: Record<string, string | undefined> = openrc ? readRc(openrc) : process.env
  const auth = env.OS_AUTH_URL?.replace(/\/+$/, '')
  if (!auth || !env.OS_USERNAME || !env.OS_PASSWORD) throw new Error('who are you? Source the cloud\'s openrc (OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, …), or name its folder with --data')
  const answer = await fetch(`${auth}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: {
    identity: { methods: ['password'], password: { user: { name: env.OS_USERNAME, password: env.OS_PASSWORD, domain: { name: env.OS_USER_DOMAIN_NAME ?? 'Default' } } } },
    scope: { project: { name: env.OS_PROJECT_NAME ?? 'admin', domain: { name: env.OS_PROJECT_DOMAIN_NAME ?? 'Default' } } },
  } }) })
  if (!answer.ok) throw new Error(`${auth} does not let ${env.OS_USERNAME} in: ${(await answer.text()).slice(0, 200)}`)
  const token = answer.headers.get('x-subject-token')!, url = auth.replace(/\/identity\/v3$/, '')
  return {
    url,
    async call(method, path, body) {
      const r = await fetch(url + path, { method, headers: { 'x-auth-token': token, 'openstack-api-version': 'compute 2.90', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, body: body === undefined ? undefined : JSON.stringify(body) })
      const text = await r.text()
      if (r.ok) return text ? JSON.parse(text) : undefined
      let said = text
      try { const inner = Object.values(JSON.parse(text))[0] as { message?: string }; said = inner.message ?? text } catch { /* as it is */ }
      throw new Error(said.slice(0, 500))
    },
  }
}

function readRc(file: string): Record<string, string> {
  return Object.fromEntries(readFileSync(file, 'utf8').split('\n').flatMap((line) => {
    const found = /^\s*export\s+(OS_\w+)=(['"]?)(.*)\2\s*$/.exec(line)
    return found ? [[found[1], found[3]]] : []
  }))
}
