import { readFileSync } from 'node:fs'
import { Client } from 'ldapts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { computed } from '../../functions/identity/passwords.ts'
import { syncDirectories } from '../../functions/identity/ldap/sync.sweep.ts'
import { inside, type Inside } from './inside.ts'
import { slapd } from './slapd.ts'

/** A domain whose users and groups a real directory keeps: Debian's slapd. */
let c: Inside, server: Awaited<ReturnType<typeof slapd>>, domain: string, project: string, ldap: Client
const PEOPLE = 120
const config = (more: object = {}) => ({ config: { identity: { driver: 'ldap' }, ldap: {
  url: server.url, user: 'cn=root,dc=test', password: 'rootpw', suffix: 'dc=test', query_scope: 'sub', page_size: 20, user_tree_dn: 'ou=people,dc=test', user_objectclass: 'inetOrgPerson', user_id_attribute: 'uid', user_name_attribute: 'uid',
  user_enabled_attribute: 'employeeType', user_enabled_mask: 2, user_enabled_default: '512', group_tree_dn: 'ou=groups,dc=test', group_objectclass: 'groupOfNames', group_id_attribute: 'cn', group_name_attribute: 'cn', group_member_attribute: 'member', ...more,
} } })
const set = (more: object = {}) => c.call('PUT', `/domains/${domain}/config`, config(more), c.admin)
const who = (name: string) => ({ name, domain: { id: domain } }), here = () => ({ project: { id: project } })
const sync = () => c.sweep(syncDirectories)
const users = async (query = '') => (await c.call('GET', `/users?domain_id=${domain}${query}`, undefined, c.admin)).body.users as { id: string; name: string; enabled: boolean; email?: string }[]

beforeAll(async () => {
  c = await inside()
  server = await slapd(c.dir)
  ldap = new Client({ url: server.url })
  await ldap.bind('cn=root,dc=test', 'rootpw')
  await ldap.add('dc=test', { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' })
  for (const ou of ['people', 'groups']) await ldap.add(`ou=${ou},dc=test`, { objectClass: 'organizationalUnit', ou })
  for (let i = 0; i < PEOPLE; i++) await ldap.add(`uid=p${i},ou=people,dc=test`, { objectClass: 'inetOrgPerson', uid: `p${i}`, cn: `Person ${i}`, sn: `P${i}`, mail: `p${i}@test`, userPassword: `secret-${i}`, employeeType: i === 7 ? '514' : '512' })
  await ldap.add('uid=odd*(x),ou=people,dc=test', { objectClass: 'inetOrgPerson', uid: 'odd*(x)', cn: 'odd', sn: 'odd', userPassword: 'odd-secret' })
  await ldap.add('cn=inner,ou=groups,dc=test', { objectClass: 'groupOfNames', cn: 'inner', member: ['uid=p1,ou=people,dc=test', 'cn=outer,ou=groups,dc=test'] })
  await ldap.add('cn=outer,ou=groups,dc=test', { objectClass: 'groupOfNames', cn: 'outer', member: ['uid=p2, ou=People, dc=test', 'cn=inner,ou=groups,dc=test'] })
  await ldap.add('cn=p1,ou=groups,dc=test', { objectClass: 'groupOfNames', cn: 'p1', member: ['uid=p3,ou=people,dc=test'] })
  domain = (await c.call('POST', '/domains', { domain: { name: 'directory' } }, c.admin)).body.domain.id
  project = (await c.call('POST', '/projects', { project: { name: 'lab', domain_id: domain } }, c.admin)).body.project.id
  const r = await set()
  expect([r.status, r.text.includes('rootpw')]).toEqual([201, false])
  await sync()
  const group = (await c.call('GET', `/groups?domain_id=${domain}&name=outer`, undefined, c.admin)).body.groups[0], role = (await c.call('GET', '/roles?name=member', undefined, c.admin)).body.roles[0]
  expect((await c.call('PUT', `/projects/${project}/groups/${group.id}/roles/${role.id}`, undefined, c.admin)).status).toBe(204)
}, 120_000)
afterAll(async () => { await ldap?.unbind().catch(() => {}); await server?.stop(); await c?.close() })

test('all are found, page by page, though the server gives no more than fifty at once', async () => {
  const all = await users()
  expect(all).toHaveLength(PEOPLE + 1)
  expect(all.find((u) => u.name === 'p5')).toMatchObject({ enabled: true, email: 'p5@test' })
  expect((await users('&name=p7'))[0].enabled).toBe(false)
})
test('a password is proved to the directory: right, wrong, empty, of a disabled user, of a name that looks like a filter', async () => {
  expect((await c.login(who('p0'), 'secret-0')).status).toBe(201)
  expect(await Promise.all([['p0', 'wrong'], ['p0', ''], ['p0', 'secret-1'], ['p7', 'secret-7'], ['nobody', 'x'], ['*', 'secret-0'], ['p*', 'secret-0']].map(async ([name, password]) => (await c.login(who(name), password)).status))).toEqual(Array(7).fill(401))
  expect((await c.login(who('odd*(x)'), 'odd-secret')).status).toBe(201)
})
test('nobody learns who is there: unknown, disabled and wrong cost the directory and the hashes the same', async () => {
  const [known] = await users('&name=p0'), ours = '$scrypt$ln=14,r=8,p=1$'
  await c.call('POST', '/users', { user: { name: 'of-this-cloud', password: 'own-secret', domain_id: domain } }, c.admin)
  const cost = async (who: object, password = 'wrong') => {
    await new Promise((r) => setTimeout(r, 100))
    server.asked(); computed.clear()
    const { status } = await c.login(who, password)
    await new Promise((r) => setTimeout(r, 100))
    return { status, asked: server.asked(), hashes: Object.fromEntries(computed) }
  }
  const wrong = await cost(who('p0'))
  expect(wrong).toEqual({ status: 401, asked: ['BIND', 'SRCH', 'BIND', 'UNBIND'], hashes: { [ours]: 1 } })
  for (const w of [who('nobody'), who('p7'), { id: known.id }, { id: 'f'.repeat(64) }, who('of-this-cloud')]) expect([w, await cost(w)]).toEqual([w, wrong])
  expect(await cost(who('p0'), 'secret-0')).toMatchObject({ status: 201, hashes: {} })
  expect(await cost(who('of-this-cloud'), 'own-secret')).toMatchObject({ status: 201, asked: [] })
})
test('groups in groups open projects, also where they go in circles; user and group of one name are two', async () => {
  const got = await Promise.all(['p1', 'p2', 'p3'].map(async (p) => (await c.login(who(p), `secret-${p[1]}`, here())).status))
  expect(got).toEqual([201, 201, 401])
  const [user] = await users('&name=p1'), group = (await c.call('GET', `/groups?domain_id=${domain}&name=p1`, undefined, c.admin)).body.groups[0]
  expect(user.id).not.toBe(group.id)
  expect([user.id, group.id].every((id) => /^[0-9a-f]{64}$/.test(id))).toBe(true)
})
test('what changes there changes here: password and disabling at once, names and groups with the next look, tokens with it', async () => {
  const { Change, Attribute } = await import('ldapts'), change = (dn: string, type: string, values: string[], operation: 'replace' | 'delete' = 'replace') => ldap.modify(dn, new Change({ operation, modification: new Attribute({ type, values }) }))
  const token = (await c.login(who('p2'), 'secret-2', here())).headers.get('x-subject-token')!, alive = async () => (await c.call('GET', '/auth/projects', undefined, token)).status
  await change('uid=p2,ou=people,dc=test', 'userPassword', ['fresh'])
  expect([(await c.login(who('p2'), 'secret-2')).status, (await c.login(who('p2'), 'fresh')).status]).toEqual([401, 201])
  await change('cn=outer,ou=groups,dc=test', 'member', ['uid=p2,ou=people,dc=test'], 'delete')
  await sync()
  await new Promise((r) => setTimeout(r, 1050))
  expect([await alive(), (await c.login(who('p2'), 'fresh', here())).status]).toEqual([401, 401])
  await change('uid=p4,ou=people,dc=test', 'employeeType', ['514'])
  expect((await c.login(who('p4'), 'secret-4')).status).toBe(401)
  await ldap.del('uid=p6,ou=people,dc=test')
  await sync()
  expect([(await users('&name=p6'))[0].enabled, (await users('&name=p4'))[0].enabled]).toEqual([false, false])
})
test('is read only from here', async () => {
  const [u] = await users('&name=p8')
  for (const change of [{ password: 'mine' }, { name: 'other' }, { enabled: false }]) expect((await c.call('PATCH', `/users/${u.id}`, { user: change }, c.admin)).status).toBe(403)
  expect((await c.call('POST', `/users/${u.id}/password`, { user: { original_password: 'secret-8', password: 'mine' } })).status).toBe(401)
})
test('over TLS with the right authority, and not with a wrong one', async () => {
  await set({ url: server.tlsUrl, tls_cacertfile: readFileSync(server.ca, 'utf8') })
  expect((await c.login(who('p9'), 'secret-9')).status).toBe(201)
  await set({ url: server.tlsUrl })
  const r = await c.login(who('p9'), 'secret-9')
  expect([r.status, r.body.error.message]).toEqual([503, expect.stringContaining('cannot be reached')])
  await set()
})
test('gone for a while: nobody of it logs in, all others do, and nothing is forgotten', async () => {
  const before = (await users()).map((u) => [u.name, u.enabled])
  await server.stop()
  expect((await c.login(who('p9'), 'secret-9')).status).toBe(503)
  expect((await c.login({ name: 'demo', domain: { id: 'default' } }, 'demo-secret')).status).toBe(201)
  await sync()
  expect((await users()).map((u) => [u.name, u.enabled])).toEqual(before)
  await server.start()
  expect((await c.login(who('p9'), 'secret-9')).status).toBe(201)
}, 30_000)
