import { beforeAll, describe, expect, it, vi } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import { override } from './overrides.ts'
import { admin, authenticated, type Caller, type Target } from './policy.ts'

const built = { 'x:do': admin, 'x:see': authenticated }
const somebody = (more: Partial<Caller> = {}): Caller => ({ user: { id: 'u', name: 'u', domain: { id: 'd', name: 'd' } }, project: { id: 'p', name: 'p', domain: { id: 'd', name: 'd' } }, roles: ['member', 'reader'], admin: false, token: null, ...more })
const may = (rule: unknown, who: Caller | undefined = somebody(), target: Target = { project: 'p', user: 'u', domain: 'd' }, file: Record<string, unknown> = {}) => override(built, { ...file, 'x:do': rule })['x:do'](who, target)

describe('an operator\'s rule', () => {
  it.each([
    ['@', true], ['', true], [null, true], ['!', false], ['role:member', true], ['role:MEMBER', true], ['role:admin', false], ['not role:admin', true], ['role:admin or role:member', true], ['role:admin and role:member', false],
    ['role:admin and role:member or role:reader', true], ['role:admin and (role:member or role:reader)', false], ['not (role:admin or role:member)', false], ['NOT role:admin AND role:reader', true],
    ['project_id:%(project_id)s', true], ['tenant:%(tenant_id)s', true], ['user_id:%(target.user.id)s', true], ['user_id:%(target.project.id)s', false], ['domain_id:%(target.domain.id)s', false], ['user_domain_id:%(target.user.domain_id)s', true],
    ['is_admin:True', false], ['is_admin:False', true], ['system_scope:all', false], ["'shared':%(visibility)s", false], ['rule:x:see', true], ['rule:admin_or_owner', true], ['rule:project_member_or_admin', true], ['rule:context_is_admin', false],
    [[['role:admin'], ['role:member', 'role:reader']], true], ['(role:member)', true], [' ( ( role:member ) ) ', true],
  ])('%s', (rule, expected) => expect(may(rule)).toBe(expected))
  it('looks at what is asked about', () => {
    expect(may('project_id:%(project_id)s', somebody(), { project: 'other' })).toBe(false)
    expect(may("'public':%(visibility)s", somebody(), { visibility: 'public' })).toBe(true)
    expect(may('None:%(device)s', somebody(), { device: null })).toBe(true)
    expect(may('role:%(needed)s', somebody(), { needed: 'member' })).toBe(true)
    expect(may('project_id:%(project_id)s', somebody({ project: undefined }), { project: undefined })).toBe(false)
    expect(override(built, { 'x:do': 'role:member' })['x:do'](undefined, {})).toBe(false)
  })
  it('may lean on others of the file and on what is built in', () => {
    expect(may('rule:mine', somebody(), {}, { mine: 'rule:deeper', deeper: 'role:member' })).toBe(true)
    expect(override(built, { 'x:see': 'rule:x:do' })['x:see'](somebody(), {})).toBe(false)
  })
  it.each(['role:a and', 'and', '(role:a', 'role:a)', 'role:a role:b', 'rule:nothing', 'word', 'http://policy.test/%(x)s', "role:'a", 'project_id:x%(project_id)s', 'colour:blue', 'not', 7, 'rule:x:do'])('that cannot be read is an error: %s', (rule) => {
    expect(() => override(built, { 'x:do': rule })).toThrow()
  })
})

describe('in a cloud', () => {
  let c: Cloud
  beforeAll(async () => { c = await cloud() })
  it('opens and closes what it names, and nothing else', async () => {
    const demo = await c.demo(), get = async (path: string) => (await c.call('GET', path, { token: demo })).status
    const before = [await get('/identity/v3/services'), await get('/compute/v2.1/servers'), await get('/identity/v3/domains')]
    c.env.POLICY = '# Operators write YAML.\n"identity:list_services": "role:member"\n"os_compute_api:servers:index": "role:admin"\n'
    const after = [await get('/identity/v3/services'), await get('/compute/v2.1/servers'), await get('/identity/v3/domains')]
    c.env.POLICY = undefined
    expect([before, after]).toEqual([[403, 200, 403], [200, 403, 403]])
  })
  it('that cannot be read lets nobody in', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const admin = await c.admin()
    c.env.POLICY = '{"identity:list_services": "role:member and"}'
    const r = await c.call('GET', '/identity/v3/services', { token: admin })
    c.env.POLICY = undefined
    expect([r.status, said.mock.calls.join()]).toEqual([403, expect.stringContaining('ends too early')])
    said.mockRestore()
  })
})
