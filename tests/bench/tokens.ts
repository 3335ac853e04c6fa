import type { Subject } from './subject.ts'

const domain = { id: 'default' }

/** Tokens: how they are had and how they are looked at. */
export async function tokens(s: Subject) {
  s.figures.title('Tokens')
  const scope = { project: { name: 'admin', domain } }
  const issue = async (identity: unknown) => {
    const r = await s.ask('POST', '/identity/v3/auth/tokens', { auth: { identity, scope } }, { 'x-auth-token': '' })
    if (r.status !== 201) throw new Error(`POST /auth/tokens: ${r.status} ${r.body.slice(0, 200)}`)
    return r.headers['x-subject-token'] as string
  }
  const password = { methods: ['password'], password: { user: { name: 'admin', domain, password: s.cloud.secrets().adminPassword } } }
  await s.measure('token by password', { n: s.scaled(60), at: 1, p99: 60 }, () => issue(password))
  await s.measure('token by token', { n: s.scaled(1000), at: 4, p99: 10 }, () => issue({ methods: ['token'], token: { id: s.token } }))
  const other = await issue(password)
  const validate = () => s.call('GET', '/identity/v3/auth/tokens', undefined, { 'x-subject-token': other })
  await s.measure('token validation, one at a time', { n: s.scaled(3000), at: 1, p99: 2 }, validate)
  await s.measure('token validation', { n: s.scaled(12_000), at: 16, cpu: 0.1, rate: 3000 }, validate)
}
