import { cloud, passwords } from '../../tests/harness/cloud.ts'
import { unit, type Basis } from '../kernel/ctx.ts'
import { seedIdentity } from './seed.ts'

/** A cloud that has users, and nothing else yet: for tests of this service. */
export async function identityCloud() {
  const c = await cloud({ seed: false })
  const basis = (): Basis => ({ env: c.env, world: c.world, later: { waitUntil: () => {} }, requestId: 'req-test', rules: {}, version: 0, action: 'test', origin: 'http://cloud.test', db: c.db() })
  const { out: seeded } = await unit(basis(), (ctx) => seedIdentity(ctx, { adminPassword: passwords.admin, demoPassword: passwords.demo, publicUrl: 'http://cloud.test', region: 'RegionOne' }), async () => {})
  const v3 = (method: string, path: string, token?: string, body?: unknown, headers?: Record<string, string>) => c.call(method, `/identity/v3${path}`, { token, body, headers })
  const auth = (identity: object, scope?: unknown) => v3('POST', '/auth/tokens', undefined, { auth: { identity, scope } })
  return {
    ...c, seeded, v3, auth, basis,
    by: {
      password: (user: object, password: string) => ({ methods: ['password'], password: { user: { ...user, password } } }),
      token: (id: string) => ({ methods: ['token'], token: { id } }),
      app: (id: string, secret: string) => ({ methods: ['application_credential'], application_credential: { id, secret } }),
    },
    /** Is this token still good? */
    alive: async (token: string) => (await v3('GET', '/auth/catalog', token)).status !== 401,
    /** A user of its own, with a role on a project. */
    async person(name: string, options: { project?: string; role?: string; password?: string } = {}) {
      const admin = await c.admin(), password = options.password ?? 'a-password-1'
      const { user } = (await v3('POST', '/users', admin, { user: { name, password, domain_id: 'default' } })).body
      const project = options.project ?? seeded.demo.project
      const roles = (await v3('GET', '/roles', admin)).body.roles
      const role = roles.find((r: { name: string }) => r.name === (options.role ?? 'member')).id
      await v3('PUT', `/projects/${project}/users/${user.id}/roles/${role}`, admin)
      const login = async (scope: unknown = { project: { id: project } }) => (await auth({ methods: ['password'], password: { user: { id: user.id, password } } }, scope))
      return { id: user.id as string, password, project, role, login, token: async (scope?: unknown) => (await login(scope)).headers.get('x-subject-token') ?? '' }
    },
  }
}
export type IdentityCloud = Awaited<ReturnType<typeof identityCloud>>
export { passwords }
