import { describe, expect, it } from 'vitest'
import { stackEvent, stackResource, stackTemplate } from '../../schema/orchestration.ts'
import { q } from '../kernel/db.ts'
import service from './index.ts'
import { hot, stacks } from './test-kit.ts'

const k = await stacks()
const post = (template: unknown, more: object = {}) => k.api('POST', '/stacks', { stack_name: `a-${crypto.randomUUID().slice(0, 8)}`, template, ...more })
const quick = async (work: () => Promise<{ status: number; text: string }>) => { const since = performance.now(), r = await work(); return { status: r.status, text: r.text, fast: performance.now() - since < 3000 } }
const test = (value: unknown, more: object = {}) => ({ type: 'OS::Heat::TestResource', properties: { value, ...more } })

describe('templates from anywhere', () => {
  it('are fetched from nowhere: not by address, not from files, not as types', async () => {
    for (const url of ['http://169.254.169.254/latest', 'file:///etc/passwd', `${k.c.env.S3_URL}/virga/x`]) {
      expect((await k.api('POST', '/stacks', { stack_name: 'x', template_url: url })).status).toBe(400)
      expect((await post(hot({ a: { type: `${url}.yaml` } }))).status).toBe(400)
      expect((await k.api('POST', '/validate', { template_url: url })).status).toBe(400)
      const s = await k.create(hot({ a: test({ get_file: url }) })).catch((e: Error) => ({ stack_status: e.message }))
      expect(s.stack_status).toMatch(/FAILED|400/)
    }
  })

  it('that swell, nest, circle or are too large are refused at once, with the reason', async () => {
    const bomb = `heat_template_version: 2021-04-16\na: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(',')}]`).join('\n')}\nresources: {r: {type: OS::Heat::None, properties: {x: *i}}}\n`
    const cases: [string, () => Promise<any>][] = [
      ['aliases', () => post(bomb)], ['environment', () => post(hot({}), { environment: bomb })], ['depth', () => post(`heat_template_version: 2021-04-16\nresources: ${'{a: '.repeat(20_000)}${'}'.repeat(20_000)}`)],
      ['circle', () => post(hot({ a: test({ get_resource: 'b' }), b: test({ get_resource: 'a' }) }))], ['itself', () => post(hot({ a: { ...test('x'), depends_on: 'a' } }))],
      ['many', () => post(hot(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`r${i}`, { type: 'OS::Heat::None' }]))))],
      ['pattern', () => post(hot({}, { parameters: { p: { type: 'string', constraints: [{ allowed_pattern: '(a+)+$' }] } } }), { parameters: { p: `${'a'.repeat(5000)}!` } })],
      ['types', () => k.api('GET', `/resource_types?name=${encodeURIComponent('(.*.*.*.*.*)*x(')}`)],
      ['repeat', () => post(hot({ a: test({ repeat: { for_each: { '%a%': Array(300).fill('x'), '%b%': Array(300).fill('x'), '%c%': Array(300).fill('x') }, template: '%a%%b%%c%' } }) }))],
    ]
    for (const [what, work] of cases) expect([what, await quick(work)]).toEqual([what, { status: 400, text: expect.any(String), fast: true }])
    const large = await quick(() => k.api('POST', '/stacks', undefined, { raw: `{"stack_name":"x","template":"${'x'.repeat(50_000_000)}"}`, headers: { 'content-type': 'application/json' } }))
    expect([large.status, large.fast]).toEqual([413, true])
    expect((await k.api('GET', '/stacks')).body.stacks.filter((s: any) => s.stack_status.endsWith('IN_PROGRESS'))).toEqual([])
  }, 60_000)

  it('are not programs: what looks like code is text', async () => {
    for (const value of ['${7*7}', '{{7*7}}', '<%= 7*7 %>', '__import__("os").system("id")', '`id`', '$(id)']) {
      const s = await k.create(hot({ a: test(value) }, { outputs: { o: { value: { get_attr: ['a', 'output'] } } } }))
      expect(s.outputs[0].output_value).toBe(value)
      await k.remove(s)
    }
    for (const expression of ['$.constructor', '$.__proto__', "''.constructor.constructor('return 1')()", 'range(1000000000).select($).len()']) {
      const r = await quick(() => post(hot({ a: test({ yaql: { expression, data: { x: 1 } } }) })))
      await k.rest()
      expect([expression, r.fast]).toEqual([expression, true])
      expect(r.status < 500).toBe(true)
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    await post('{"heat_template_version":"2021-04-16","resources":{"__proto__":{"type":"OS::Heat::None","polluted":1}}}')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  }, 60_000)
})

describe('secrets', () => {
  it('of hidden parameters are in no answer, event, reason or row', async () => {
    const secret = 'Xq7-very-hidden-71', parameters = { p: { type: 'string', hidden: true } }
    const s = await k.create(hot({ a: { type: 'OS::Heat::Value', properties: { value: { get_param: 'p' }, type: 'number' } }, net: { type: 'OS::Neutron::Net', properties: { name: 'plain', qos_policy: { get_param: 'p' } } } }, { parameters }), { parameters: { p: secret } }).catch((e: Error) => ({ error: e.message, id: '', stack_name: '' }) as any)
    expect(JSON.stringify(s)).not.toContain(secret)
    const made = await k.create(hot({ a: test({ get_param: 'p' }), net: { type: 'OS::Neutron::Net', properties: { qos_policy: { get_param: 'p' } } } }, { parameters }), { parameters: { p: secret } })
    expect(made.stack_status_reason).toContain('The policy (******) could not be found')
    const seen: string[] = []
    for (const path of ['', '/events', '/resources', '/resources/net', '/environment', '/export', '/template', '/outputs']) seen.push((await k.api('GET', `/stacks/${made.stack_name}/${made.id}${path}`)).text)
    seen.push((await k.api('GET', '/stacks')).text)
    const [templates, rows, events] = await k.c.db().read([q.select().from(stackTemplate), q.select({ p: stackResource.properties, r: stackResource.reason }).from(stackResource), q.select().from(stackEvent)])
    seen.push(JSON.stringify([templates, rows, events]))
    for (const text of seen) expect(text).not.toContain(secret)
    await k.remove(made)
  })
})

describe('other people’s stacks', () => {
  it('are not there, whatever is asked of them and however', async () => {
    const s = await k.create(hot({ a: test('x') })), other = await k.c.call('POST', '/identity/v3/projects', { token: k.admin, body: { project: { name: 'other', domain_id: 'default' } } })
    const user = await k.c.call('POST', '/identity/v3/users', { token: k.admin, body: { user: { name: 'eve', domain_id: 'default', password: 'eve-secret' } } })
    const roles = (await k.c.call('GET', '/identity/v3/roles', { token: k.admin })).body.roles, member = roles.find((r: any) => r.name === 'member').id
    await k.c.call('PUT', `/identity/v3/projects/${other.body.project.id}/users/${user.body.user.id}/roles/${member}`, { token: k.admin })
    const eve = await k.c.login('eve', 'eve-secret', 'other'), mine = other.body.project.id
    for (const e of service.endpoints.filter((x) => x.path.includes('{name}'))) {
      const path = e.path.replace('{name}', s.stack_name).replace('{id}', s.id).replace('{resource}', 'a').replace(/\{\w+\}/g, crypto.randomUUID())
      for (const project of [mine, k.project]) {
        const r = await k.c.call(e.method, `/orchestration/v1/${project}${path}`, { token: eve, ...(e.body || e.key ? { body: e.key ? { [e.key]: null } : e.id.includes('signal') ? {} : { template: hot({}), ...(e.id.includes('mark') ? { template: undefined, mark_unhealthy: true } : {}), ...(e.id.includes('snapshots') ? { template: undefined } : {}) } } : {}) })
        expect([e.id, project === mine, [400, 403, 404].includes(r.status) && !(project === mine && r.status === 400)], r.text).toEqual([e.id, project === mine, true])
      }
    }
    expect((await k.c.call('GET', `/orchestration/v1/${mine}/stacks?global_tenant=1`, { token: eve })).status).toBe(403)
    expect((await k.c.call('GET', `/orchestration/v1/${mine}/stacks?tenant=${k.project}&show_nested=1`, { token: eve })).body.stacks).toEqual([])
    expect((await k.show(s.id)).stack_status).toBe('CREATE_COMPLETE')
    await k.remove(s)
  })
})

describe('work that was ordered', () => {
  it('outlives the token, and ends with the role of who ordered it', async () => {
    const projects = (await k.c.call('POST', '/identity/v3/projects', { token: k.admin, body: { project: { name: 'brief', domain_id: 'default' } } })).body.project
    const u = (await k.c.call('POST', '/identity/v3/users', { token: k.admin, body: { user: { name: 'bob', domain_id: 'default', password: 'bob-secret' } } })).body.user
    const member = (await k.c.call('GET', '/identity/v3/roles?name=member', { token: k.admin })).body.roles[0].id, grant = `/identity/v3/projects/${projects.id}/users/${u.id}/roles/${member}`
    await k.c.call('PUT', grant, { token: k.admin })
    const token = await k.c.login('bob', 'bob-secret', 'brief'), at = `/orchestration/v1/${projects.id}/stacks`
    const slow = (name: string) => k.c.call('POST', at, { token, body: { stack_name: name, template: hot({ h: { type: 'OS::Heat::WaitConditionHandle' }, w: { type: 'OS::Heat::WaitCondition', properties: { handle: { get_resource: 'h' }, timeout: 600 } }, net: { type: 'OS::Neutron::Net', depends_on: 'w' } }) } })
    const go = async (id: string, name: string) => { const r = await k.c.call('GET', `${at}/${name}/${id}/resources/h`, { token: k.admin }); await k.c.call('POST', r.body.resource.attributes.endpoint.replace(/^https?:\/\/[^/]+/, ''), { raw: '' }); await k.rest(); return (await k.c.call('GET', `${at}/${name}/${id}`, { token: k.admin })).body.stack }
    const one = (await slow('one')).body.stack.id, two = (await slow('two')).body.stack.id
    await k.rest()
    expect((await k.c.call('DELETE', '/identity/v3/auth/tokens', { token, headers: { 'x-subject-token': token } })).status).toBe(204)
    expect((await go(one, 'one')).stack_status).toBe('CREATE_COMPLETE')
    expect((await k.c.call('DELETE', grant, { token: k.admin })).status).toBe(204)
    const ended = await go(two, 'two')
    expect([ended.stack_status, ended.stack_status_reason]).toEqual(['CREATE_FAILED', expect.stringContaining('The delegation this work was ordered with has ended')])
  })
})
