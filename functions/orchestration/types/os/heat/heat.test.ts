import { describe, expect, it } from 'vitest'
import { hot, stacks } from '../../../test-kit.ts'

const k = await stacks()
const out = (s: any) => Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_value ?? o.output_error]))
const done = (s: any) => expect(`${s.stack_status} ${s.stack_status_reason}`).toMatch(/COMPLETE/)
const post = (url: string, body: unknown, method = 'POST') => k.c.call(method, url.replace(/^https?:\/\/[^/]+/, ''), { raw: typeof body === 'string' ? body : JSON.stringify(body) })

describe('heat’s own types', () => {
  it('carry values, words at random, and nothing at all', async () => {
    const s = await k.create(hot({
      v: { type: 'OS::Heat::Value', properties: { type: 'comma_delimited_list', value: 'a,b' } }, w: { type: 'OS::Heat::RandomString', properties: { length: 12, character_classes: [{ class: 'digits', min: 12 }] } },
      n: { type: 'OS::Heat::None', properties: { whatever: [1] } }, d: { type: 'OS::Heat::Delay' },
    }, { outputs: { v: { value: { get_attr: ['v', 'value', 1] } }, w: { value: { get_attr: ['w', 'value'] } }, n: { value: { get_attr: ['n', 'foo'] } } } }))
    done(s)
    expect(out(s)).toMatchObject({ v: 'b', w: expect.stringMatching(/^\d{12}$/) })
    await k.remove(s)
  })

  it('wait for signals by presigned addresses, which are worth nothing after the stack or for another', async () => {
    const template = hot({ h: { type: 'OS::Heat::WaitConditionHandle' }, w: { type: 'OS::Heat::WaitCondition', properties: { handle: { get_resource: 'h' }, timeout: 600, count: 2 } }, after: { type: 'OS::Heat::TestResource', depends_on: 'w' } }, { outputs: { data: { value: { get_attr: ['w', 'data'] } }, cli: { value: { get_attr: ['h', 'curl_cli'] } } } })
    const s = await k.create(template), other = await k.create(template)
    expect(s.stack_status).toBe('CREATE_IN_PROGRESS')
    const urlOf = async (x: any) => (await k.api('GET', `/stacks/${x.stack_name}/${x.id}/resources/h`)).body.resource.attributes.endpoint as string
    const url = await urlOf(s)
    expect((await post(url, { id: 'one', data: 'hello' })).status).toBe(200)
    await k.rest()
    expect((await k.show(s.id)).stack_status).toBe('CREATE_IN_PROGRESS')
    expect((await post(url, '')).status).toBe(200)
    await k.rest()
    const made = await k.show(s.id)
    done(made)
    expect(JSON.parse(out(made).data)).toEqual({ one: 'hello', 2: null })
    expect(out(made).cli).toContain(url)
    expect((await post(url, '{"bad"')).status).toBe(400)
    expect((await post(url, { status: 'MAYBE' })).status).toBe(400)
    // Another stack's resource, another time, another signature: none of them is opened by it.
    const foreign = await urlOf(other)
    for (const forged of [foreign.replace(other.id, s.id), url.replace(/Expires=\d+/, 'Expires=99999999999'), url.replace(/Signature=..../, 'Signature=AAAA'), url.replace(s.id, other.id), url.replace(/Expires=\d+/, 'Expires=1'), url.replace(k.project, '0'.repeat(32))]) {
      expect([forged, (await post(forged, '')).status]).toEqual([forged, 403])
    }
    await k.remove(s)
    expect((await post(url, '')).status).toBe(403)
    expect((await post(foreign, { status: 'FAILURE', reason: 'no disk' })).status).toBe(200)
    await k.rest()
    const failed = await k.show(other.id)
    expect([failed.stack_status, failed.stack_status_reason]).toEqual(['CREATE_FAILED', 'Resource CREATE failed: WaitConditionFailure: resources.w: no disk'])
    await k.remove(other)
  })

  it('a group grows, shrinks, and leaves out who is to go', async () => {
    const group = (count: number, more: object = {}) => hot({ g: { type: 'OS::Heat::ResourceGroup', properties: { count, resource_def: { type: 'OS::Neutron::Net', properties: { name: 'g-%index%' } }, ...more } } }, { outputs: { refs: { value: { get_attr: ['g', 'refs'] } }, names: { value: { get_attr: ['g', 'name'] } }, one: { value: { get_attr: ['g', 'resource.1.name'] } }, map: { value: { get_attr: ['g', 'attributes', 'name'] } } } })
    const s = await k.create(group(2))
    done(s)
    expect(out(s)).toMatchObject({ refs: [expect.any(String), expect.any(String)], names: ['g-0', 'g-1'], one: 'g-1', map: { 0: 'g-0', 1: 'g-1' } })
    const grown = await k.update(s, group(3))
    expect([grown.stack_status, out(grown).names]).toEqual(['UPDATE_COMPLETE', ['g-0', 'g-1', 'g-2']])
    expect(out(grown).refs.slice(0, 2)).toEqual(out(s).refs)
    const less = await k.update(s, group(2, { removal_policies: [{ resource_list: ['0'] }] }))
    expect(out(less).names).toEqual(['g-1', 'g-2'])
    const deep = (await k.api('GET', `/stacks/${s.stack_name}/${s.id}/resources?nested_depth=2`)).body.resources
    expect(deep.map((r: any) => r.resource_name).sort()).toEqual(['1', '2', 'g'])
    expect(deep.find((r: any) => r.resource_name === '1').parent_resource).toBe('g')
    await k.remove(s)
    expect((await k.c.call('GET', '/network/v2.0/networks', { token: k.demo })).body.networks.filter((n: any) => n.name.startsWith('g-'))).toEqual([])
  })

  it('templates are types, chains are ordered, and a failure inside is told outside', async () => {
    const files = { 'inner.yaml': JSON.stringify(hot({ net: { type: 'OS::Neutron::Net', properties: { name: { get_param: 'name' } } } }, { parameters: { name: { type: 'string' } }, outputs: { id: { value: { get_resource: 'net' } } } })) }
    const s = await k.create(hot({ one: { type: 'inner.yaml', properties: { name: 't-one' } }, two: { type: 'My::Net', properties: { name: 't-two' } }, chain: { type: 'OS::Heat::ResourceChain', properties: { resources: ['OS::Heat::TestResource', 'OS::Heat::RandomString'] } } }, { outputs: { id: { value: { get_attr: ['one', 'id'] } }, deep: { value: { get_attr: ['two', 'resource.net', 'name'] } } } }),
      { files, environment: { resource_registry: { 'My::Net': 'inner.yaml' } } })
    done(s)
    expect(out(s).id).toMatch(/^[0-9a-f-]{36}$/)
    await k.remove(s)
    const bad = { 'inner.yaml': JSON.stringify(hot({ x: { type: 'OS::Heat::TestResource', properties: { fail: true } } })) }
    const f = await k.create(hot({ one: { type: 'inner.yaml' } }), { files: bad })
    expect([f.stack_status, f.stack_status_reason]).toEqual(['CREATE_FAILED', expect.stringContaining('resources.x: Test Resource failed x')])
    await k.remove(f)
  })

  it('stacks within stacks end at five deep', async () => {
    const files = { 'self.yaml': JSON.stringify(hot({ again: { type: 'self.yaml' } })) }
    const s = await k.create(hot({ top: { type: 'self.yaml' } }), { files })
    expect([s.stack_status, s.stack_status_reason]).toEqual(['CREATE_FAILED', expect.stringContaining('Recursion depth exceeds 5.')])
    expect((await k.remove(s)).stack_status).toBe('DELETE_COMPLETE')
  })

  it('deployments reach a server’s agents and come back with what they printed', async () => {
    const s = await k.create(hot({
      server: { type: 'OS::Nova::Server', properties: { image: 'tiny', flavor: 'm1.nano', networks: [{ network: 'demo' }] } },
      config: { type: 'OS::Heat::SoftwareConfig', properties: { group: 'script', config: 'echo $who', inputs: [{ name: 'who' }], outputs: [{ name: 'said' }] } },
      run: { type: 'OS::Heat::SoftwareDeployment', properties: { config: { get_resource: 'config' }, server: { get_resource: 'server' }, input_values: { who: 'me' } } },
    }, { outputs: { out: { value: { get_attr: ['run', 'deploy_stdout'] } }, said: { value: { get_attr: ['run', 'said'] } } } }))
    expect(s.stack_status).toBe('CREATE_IN_PROGRESS')
    const { metadata } = (await k.api('GET', `/stacks/${s.stack_name}/${s.id}/resources/server/metadata`)).body
    expect(metadata.deployments).toHaveLength(1)
    const input = (name: string) => metadata.deployments[0].inputs.find((i: any) => i.name === name).value
    expect([metadata.deployments[0].config, input('who'), input('deploy_action')]).toEqual(['echo $who', 'me', 'CREATE'])
    expect((await post(input('deploy_signal_id'), { deploy_stdout: 'me\n', deploy_stderr: '', deploy_status_code: 0, said: 'yes' })).status).toBe(200)
    await k.rest()
    const made = await k.show(s.id)
    done(made)
    expect(out(made)).toEqual({ out: 'me\n', said: 'yes' })
    await k.remove(s)
    expect((await k.api('GET', '/software_configs')).body.software_configs).toEqual([])
  })

  it('a stack of its own is made, changed and deleted with the resource', async () => {
    const t = (value: string) => hot({ far: { type: 'OS::Heat::Stack', properties: { template: JSON.stringify(hot({ x: { type: 'OS::Heat::TestResource', properties: { value } } }, { outputs: { o: { value: { get_attr: ['x', 'output'] } } } })) } } }, { outputs: { o: { value: { get_attr: ['far', 'outputs', 'o'] } } } })
    const s = await k.create(t('one'))
    done(s)
    expect(out(s).o).toBe('one')
    expect(out(await k.update(s, t('two'))).o).toBe('two')
    await k.remove(s)
    expect((await k.api('GET', '/stacks')).body.stacks.filter((x: any) => x.stack_name.includes('far'))).toEqual([])
  })
})
