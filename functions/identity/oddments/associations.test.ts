import { expect, it } from 'vitest'
import { identityCloud } from '../test-kit.ts'

it("an endpoint's policy is its own, else its service's in its region or one above, else its service's", async () => {
  const c = await identityCloud(), admin = await c.admin()
  const post = async (what: string, plural: string, body: object) => (await c.v3('POST', `/${plural}`, admin, { [what]: body })).body[what]
  const policies: string[] = []
  for (const type of ['own', 'region', 'above', 'service']) policies.push((await post('policy', 'policies', { type, blob: '{}' })).id)
  const [own, near, far, wide] = policies
  await post('region', 'regions', { id: 'up' })
  await post('region', 'regions', { id: 'down', parent_region_id: 'up' })
  const s = await post('service', 'services', { type: 'x' }), e = await post('endpoint', 'endpoints', { service_id: s.id, region_id: 'down', interface: 'public', url: 'http://x' })
  const root = (p: string) => `/policies/${p}/OS-ENDPOINT-POLICY`
  const places: [string, string][] = [[wide, `${root(wide)}/services/${s.id}`], [far, `${root(far)}/services/${s.id}/regions/up`], [near, `${root(near)}/services/${s.id}/regions/down`], [own, `${root(own)}/endpoints/${e.id}`]]
  const which = async () => (await c.v3('GET', `/endpoints/${e.id}/OS-ENDPOINT-POLICY/policy`, admin))
  expect((await which()).status).toBe(404)
  for (const [policy, path] of places) {
    expect((await c.v3('PUT', path, admin)).status).toBe(204)
    expect((await which()).body.policy.id).toBe(policy)
    expect((await c.v3('GET', `${root(policy)}/endpoints`, admin)).body.endpoints.map((x: any) => x.id)).toEqual([e.id])
  }
  for (const [policy, path] of places.reverse()) {
    expect([(await which()).body.policy.id, (await c.v3('GET', path, admin)).status, (await c.v3('DELETE', path, admin)).status, (await c.v3('GET', path, admin)).status]).toEqual([policy, 204, 204, 404])
  }
})
