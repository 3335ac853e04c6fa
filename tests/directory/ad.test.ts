import { createHash, randomBytes } from 'node:crypto'
import { Client } from 'ldapts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { all } from '../../functions/identity/ldap/client.ts'
import { syncDirectories } from '../../functions/identity/ldap/sync.sweep.ts'
import { inside, type Inside } from './inside.ts'
import { slapd } from './slapd.ts'

/** A directory that looks as Active Directory does (its names, classes and numbers), in slapd: theirs is not to be had here. */
let c: Inside, server: Awaited<ReturnType<typeof slapd>>, domain: string, project: string, ldap: Client
const base = 'dc=test', people = `ou=Staff,${base}`, guids = new Map<string, Buffer>()
const config = (more: object = {}) => ({ config: { identity: { driver: 'ldap' }, ldap: {
  url: server.url, user: `cn=root,${base}`, password: 'rootpw', suffix: base, query_scope: 'sub', page_size: 20, user_tree_dn: people, user_objectclass: 'user', user_id_attribute: 'objectGUID', user_name_attribute: 'sAMAccountName',
  user_enabled_attribute: 'userAccountControl', user_enabled_mask: 2, user_enabled_default: '512', group_tree_dn: base, group_objectclass: 'group', group_id_attribute: 'objectGUID', group_name_attribute: 'sAMAccountName', group_member_attribute: 'member', group_ad_nesting: true, ...more,
} } })
const set = (more: object = {}) => c.call('PUT', `/domains/${domain}/config`, config(more), c.admin), sync = () => c.sweep(syncDirectories)
const login = (name: string, password = `${name}-secret`, scope?: unknown) => c.login({ name, domain: { id: domain } }, password, scope)
const users = async () => (await c.call('GET', `/users?domain_id=${domain}`, undefined, c.admin)).body.users as { id: string; name: string; enabled: boolean }[]
const enabled = async () => (await users()).filter((u) => u.enabled).map((u) => u.name).sort()
const cn = (name: string) => `cn=${name} Name,${people}`
const guid = (name: string) => { const b = randomBytes(16); b[0] = 0xff; guids.set(name, b); return b }

beforeAll(async () => {
  c = await inside()
  server = await slapd(c.dir)
  ldap = new Client({ url: server.url })
  await ldap.bind(`cn=root,${base}`, 'rootpw')
  await ldap.add(base, { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' })
  await ldap.add(people, { objectClass: 'organizationalUnit', ou: 'Staff' })
  // Normal; disabled; normal whose password does not expire; locked out by Active Directory itself (no bit of ours).
  for (const [name, control] of [['ada', '512'], ['bob', '514'], ['cy', '66048'], ['dee', '66050']]) await ldap.add(cn(name), { objectClass: 'user', cn: `${name} Name`, sn: name, sAMAccountName: name, userAccountControl: control, userPassword: `${name}-secret`, objectGUID: guid(name) as unknown as string })
  for (let i = 0; i < 60; i++) await ldap.add(`cn=many ${i},${people}`, { objectClass: 'user', cn: `many ${i}`, sn: 'many', sAMAccountName: `many${i}`, userAccountControl: '512', objectGUID: guid(`many${i}`) as unknown as string })
  const group = (name: string, member: string[]) => ldap.add(`cn=${name},${base}`, { objectClass: 'group', cn: name, sAMAccountName: name, objectGUID: guid(name) as unknown as string, member })
  await group('inner', [cn('ada'), cn('bob')])
  await group('middle', [`CN=inner,DC=test`])
  await group('outer', [`cn=middle,${base}`, cn('cy')])
  await group('allowed', [cn('cy'), cn('dee')])
  domain = (await c.call('POST', '/domains', { domain: { name: 'ad' } }, c.admin)).body.domain.id
  project = (await c.call('POST', '/projects', { project: { name: 'lab', domain_id: domain } }, c.admin)).body.project.id
  expect((await set()).status).toBe(201)
  await sync()
  const { id } = (await c.call('GET', `/groups?domain_id=${domain}&name=outer`, undefined, c.admin)).body.groups[0], role = (await c.call('GET', '/roles?name=member', undefined, c.admin)).body.roles[0]
  await c.call('PUT', `/projects/${project}/groups/${id}/roles/${role.id}`, undefined, c.admin)
}, 120_000)
afterAll(async () => { await ldap?.unbind().catch(() => {}); await server?.stop(); await c?.close() })

test('people are known by their GUID, as Keystone knows them, and by the name they log in with', async () => {
  const all = await users(), b = guids.get('ada')!, hex = (at: number, n: number) => Buffer.from(b.subarray(at, at + n)).reverse().toString('hex'), tail = b.subarray(8).toString('hex')
  expect(all).toHaveLength(64)
  // Python's str(uuid.UUID(bytes_le=…)), and of that Keystone's own id.
  const text = `${hex(0, 4)}-${hex(4, 2)}-${hex(6, 2)}-${tail.slice(0, 4)}-${tail.slice(4)}`
  expect(all.find((u) => u.name === 'ada')!.id).toBe(createHash('sha256').update(`${domain}user${text}`).digest('hex'))
  expect([(await login('ada')).status, (await login('ada', 'wrong')).status, (await login('ADA')).status]).toEqual([201, 401, 401])
})
test('a bit of userAccountControl says who is disabled', async () => {
  expect((await users()).filter((u) => !u.enabled).map((u) => u.name).sort()).toEqual(['bob', 'dee'])
  expect([(await login('bob')).status, (await login('cy')).status]).toEqual([401, 201])
})
test('groups in groups in groups open projects', async () => {
  for (const name of ['ada', 'cy']) expect((await login(name, undefined, { project: { id: project } })).body.token.roles.map((r: any) => r.name)).toContain('member')
  expect((await login('many1', 'x', { project: { id: project } })).status).toBe(401)
})
test('where being in a group is what enables, that decides, also at the login', async () => {
  await set({ user_enabled_emulation: true, user_enabled_emulation_dn: `cn=allowed,${base}` })
  await sync()
  expect(await enabled()).toEqual(['cy', 'dee'])
  expect([(await login('cy')).status, (await login('dee')).status, (await login('ada')).status]).toEqual([201, 201, 401])
  await set({ user_enabled_emulation: true })
  expect((await login('cy')).status).toBe(401)
  await set()
  await sync()
  expect((await login('ada')).status).toBe(201)
})
test('of several addresses the next is asked when one is gone', async () => {
  await set({ url: `ldap://127.0.0.1:1,${server.url}` })
  expect([(await login('ada')).status, (await login('ada', 'wrong')).status]).toEqual([201, 401])
  await set()
})
test('members that come by the thousand are all read', async () => {
  const names = Array.from({ length: 25 }, (_, i) => `cn=${i}`), asked: string[] = []
  const search = async (_: string, { attributes: [a] }: any) => {
    asked.push(a)
    const from = Number(/range=(\d+)-\*/.exec(a)![1]), part = names.slice(from, from + 10), last = from + part.length >= names.length
    return { searchEntries: [{ dn: 'cn=g', [`member;range=${from}-${last ? '*' : from + 9}`]: part }], searchReferences: [] }
  }
  expect(await all({ search } as any, { dn: 'cn=g', member: [], 'member;range=0-9': names.slice(0, 10) }, 'member')).toEqual(names)
  expect(asked).toEqual(['member;range=10-*', 'member;range=20-*'])
})
