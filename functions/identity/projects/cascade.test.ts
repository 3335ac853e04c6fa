import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
const make = async (project: object) => (await c.v3('POST', '/projects', admin, { project: { name: crypto.randomUUID(), ...project } })).body.project
const off = (id: string) => c.v3('PATCH', `/projects/${id}`, admin, { project: { enabled: false } })

it('a tree goes as a whole, when each of it is disabled, and its tokens with it', async () => {
  const top = await make({ domain_id: 'default' }), mid = await make({ parent_id: top.id }), low = await make({ parent_id: mid.id }), beside = await make({ domain_id: 'default' })
  const p = await c.person('in-the-tree', { project: low.id }), token = await p.token()
  expect((await c.v3('DELETE', `/projects/${top.id}`, admin)).status).toBe(403)
  const early = await c.v3('DELETE', `/projects/${top.id}?cascade=true`, admin)
  expect([early.status, early.body.error.message]).toEqual([403, expect.stringContaining('Disable each')])
  for (const x of [low, mid, top]) await off(x.id)
  expect((await c.v3('DELETE', `/projects/${top.id}?cascade=true`, admin)).status).toBe(204)
  for (const x of [low, mid, top]) expect((await c.v3('GET', `/projects/${x.id}`, admin)).status).toBe(404)
  expect([(await c.v3('GET', `/projects/${beside.id}`, admin)).status, await c.alive(token)]).toEqual([200, false])
  expect((await c.v3('GET', `/role_assignments?user.id=${p.id}`, admin)).body.role_assignments).toEqual([])
})
it('says beforehand what a project owns', async () => {
  const project = await make({ domain_id: 'default' }), p = await c.person('owner-of-things', { project: project.id }), token = await p.token()
  expect((await c.v3('GET', `/projects/${project.id}/inventory`, token)).body.inventory).toEqual({})
  await c.v3('POST', `/users/${p.id}/application_credentials`, token, { application_credential: { name: 'one' } })
  await c.v3('POST', `/users/${p.id}/credentials/OS-EC2`, token, { tenant_id: project.id })
  expect((await c.v3('GET', `/projects/${project.id}/inventory`, admin)).body.inventory).toEqual({ application_credential: 1, credential: 1 })
  expect((await c.v3('GET', `/projects/${project.id}/inventory`, await c.demo())).status).toBe(403)
})
