import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
const give = async (token: string, from: string, to: string, project: string, more: object = {}) =>
  c.v3('POST', '/OS-TRUST/trusts', token, { trust: { trustor_user_id: from, trustee_user_id: to, project_id: project, impersonation: false, roles: [{ name: 'member' }], ...more } })
const name = () => crypto.randomUUID()
async function chain(more: object = {}) {
  const [a, b, d] = [await c.person(`a-${name()}`, { role: 'manager' }), await c.person(`b-${name()}`, { role: 'reader' }), await c.person(`d-${name()}`, { role: 'reader' })]
  const first = (await give(await a.token(), a.id, b.id, a.project, { allow_redelegation: true, ...more })).body.trust
  const lent = await b.token({ 'OS-TRUST:trust': { id: first.id } })
  const second = await give(lent, (more as any).impersonation ? a.id : b.id, d.id, a.project)
  return { a, b, d, first, lent, second }
}

it('a trust that allows it is lent on, and gives what the first trustor has', async () => {
  for (const impersonation of [false, true]) {
    const { d, a, first, second } = await chain({ impersonation })
    expect(first.redelegation_count).toBe(3)
    expect(second.body.trust).toMatchObject({ redelegated_trust_id: first.id, redelegation_count: 2 })
    const r = await d.login({ 'OS-TRUST:trust': { id: second.body.trust.id } })
    expect([r.status, r.body.token?.roles.map((x: any) => x.name).sort(), r.body.token?.project.id]).toEqual([201, ['member', 'reader'], a.project])
  }
})
it('never gives more: role, impersonation, project, life, uses, depth', async () => {
  const expires_at = new Date(Date.now() + 60_000).toISOString(), { a, b, d, lent } = await chain({ expires_at, redelegation_count: 1 })
  for (const [more, status] of [[{ roles: [{ name: 'manager' }] }, 404], [{ impersonation: true }, 403], [{ project_id: c.seeded.admin.project }, 403], [{ expires_at: new Date(Date.now() + 600_000).toISOString() }, 403], [{ remaining_uses: 3 }, 403], [{ redelegation_count: 1 }, 403], [{ trustor_user_id: a.id }, 403]] as const) {
    expect([more, (await give(lent, b.id, d.id, a.project, more)).status]).toEqual([more, status])
  }
  const last = (await give(lent, b.id, d.id, a.project)).body.trust
  expect([last.redelegation_count, last.expires_at.slice(0, 19)]).toEqual([0, expires_at.slice(0, 19)])
  const token = await d.token({ 'OS-TRUST:trust': { id: last.id } })
  expect((await give(token, d.id, b.id, a.project)).status).toBe(403)
  expect((await give(await a.token(), a.id, b.id, a.project, { allow_redelegation: true, redelegation_count: 9 })).status).toBe(403)
  expect((await give(await a.token(), a.id, b.id, a.project, { allow_redelegation: true, remaining_uses: 1 })).status).toBe(403)
})
it('ends with any link: the first trustor loses the role or is disabled, somebody between is, the first trust is taken back', async () => {
  for (const end of ['role', 'first', 'between', 'back'] as const) {
    const { a, b, d, first, second } = await chain(), scope = { 'OS-TRUST:trust': { id: second.body.trust.id } }, token = await d.token(scope)
    expect(await c.alive(token)).toBe(true)
    if (end === 'role') await c.v3('DELETE', `/projects/${a.project}/users/${a.id}/roles/${a.role}`, admin)
    if (end === 'first' || end === 'between') await c.v3('PATCH', `/users/${end === 'first' ? a.id : b.id}`, admin, { user: { enabled: false } })
    if (end === 'back') expect((await c.v3('DELETE', `/OS-TRUST/trusts/${first.id}`, await a.token())).status).toBe(204)
    expect([end, await c.alive(token)]).toEqual([end, false])
    expect([401, 403]).toContain((await d.login(scope)).status)
  }
})
