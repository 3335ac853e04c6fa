import { describe, expect, it } from 'vitest'
import { hot } from '../../../test-kit.ts'
import { table } from '../table-kit.ts'
import { adjusted, next } from './scaling.ts'

describe('sizes', () => {
  it.each([[10, 2, 'change_in_capacity', undefined, 12], [10, -3, 'change_in_capacity', undefined, 7], [10, 4, 'exact_capacity', undefined, 4], [10, 25, 'percent_change_in_capacity', undefined, 12], [3, 10, 'percent_change_in_capacity', undefined, 4], [3, -10, 'percent_change_in_capacity', undefined, 2], [10, 10, 'percent_change_in_capacity', 3, 13], [10, -10, 'percent_change_in_capacity', 3, 7]] as const)('%i by %i %s (%s) is %i', (size, by, how, step, then) => { expect(adjusted(size, by, how, step)).toBe(then) })
  it('members change a batch at a time, the oldest leave first, new ones are of the new kind', () => {
    let n = 0
    const one = next({ a: 'old', b: 'old', c: 'old' }, 'new', 3, 2, () => `x${n++}`), two = next(one.members, 'new', 4, 2, () => `x${n++}`)
    expect([one, two, next({ a: 'new', b: 'new' }, 'new', 1, 1, () => 'x')]).toEqual([{ members: { a: 'new', b: 'new', c: 'old' }, more: true }, { members: { a: 'new', b: 'new', c: 'new', x0: 'new' }, more: false }, { members: { b: 'new' }, more: false }])
  })
})

const t = await table(), ref = (name: string) => ({ get_resource: name })
const policy = (type: string, by: number, more = {}) => ({ type: 'OS::Heat::ScalingPolicy', properties: { auto_scaling_group_id: ref('group'), adjustment_type: type, scaling_adjustment: by, ...more } })
const template = (value: string, more = {}) => hot({
  group: { type: 'OS::Heat::AutoScalingGroup', properties: { min_size: 1, max_size: 4, desired_capacity: 2, resource: { type: 'OS::Heat::TestResource', properties: { value } }, ...more } },
  up: policy('change_in_capacity', 1), down: policy('percent_change_in_capacity', -50, { cooldown: 60 }), all: policy('exact_capacity', 99),
}, { outputs: { size: { value: { get_attr: ['group', 'current_size'] } }, said: { value: { get_attr: ['group', 'outputs_list', 'output'] } }, refs: { value: { get_attr: ['group', 'refs_map'] } }, by: { value: { get_attr: ['group', 'outputs', 'output'] } }, url: { value: { get_attr: ['up', 'signal_url'] } } } })

it('a scaling group grows and shrinks by signals, between its bounds, and changes its members batch by batch', async () => {
  let s = await t.make(template('one'))
  const out = () => Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_value])), below = async () => (await t.api('GET', `/stacks/${(await t.resource(s, 'group')).physical_resource_id}/resources`)).status
  expect([t.why(s), out()]).toMatchObject(['CREATE_COMPLETE: Stack CREATE completed successfully', { size: 2, said: ['one', 'one'] }])
  expect(Object.keys(out().refs)).toHaveLength(2)
  expect(Object.values(out().by)).toEqual(['one', 'one'])
  void below
  const members = async () => { const { physical_resource_id: id } = await t.resource(s, 'group'); const name = (await t.api('GET', `/stacks?show_nested=true`)).body.stacks.find((x: any) => x.id === id).stack_name; return ((await t.api('GET', `/stacks/${name}/${id}/resources`)).body.resources as any[]).length }
  const signal = async (name: string, body?: unknown) => { const r = await t.api('POST', `/stacks/${s.stack_name}/${s.id}/resources/${name}/signal`, body); expect(r.status).toBeLessThan(300); await t.k.rest() }
  const { pathname, search } = new URL(out().url, 'http://cloud.test')
  expect((await t.c.call('POST', pathname + search)).status).toBe(200)
  await t.k.rest()
  expect(await members()).toBe(3)
  await signal('up', { current: 'ok' })
  expect(await members()).toBe(3)
  await signal('all')
  expect(await members()).toBe(4)
  await signal('down')
  expect(await members()).toBe(2)
  await signal('down')
  expect(await members()).toBe(2)
  s = await t.change(s, template('two', { max_size: 3, desired_capacity: undefined }))
  expect([t.why(s), out()]).toMatchObject(['UPDATE_COMPLETE: Stack UPDATE completed successfully', { size: 2, said: ['two', 'two'] }])
  s = await t.change(s, template('two', { min_size: 3, desired_capacity: 3 }))
  expect(out()).toMatchObject({ size: 3, said: ['two', 'two', 'two'] })
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
}, 90_000)

it('a machine that is there already is deployed to', async () => {
  const s = await t.make(hot({ it: { type: 'OS::Heat::DeployedServer' }, config: { type: 'OS::Heat::SoftwareConfig', properties: { group: 'script', config: 'echo' } }, d: { type: 'OS::Heat::SoftwareDeployment', properties: { config: ref('config'), server: ref('it'), signal_transport: 'NO_SIGNAL' } } }, { outputs: { collect: { value: { get_attr: ['it', 'os_collect_config'] } } } }))
  expect(t.why(s)).toMatch(/^CREATE_COMPLETE/)
  const { pathname, search } = new URL(s.outputs[0].output_value.request.metadata_url, 'http://cloud.test'), read = await t.c.call('GET', pathname + search)
  expect([read.status, read.body]).toMatchObject([200, { deployments: [{ config: 'echo' }] }])
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
}, 60_000)

it('instances scale by the words of the other language, and groups of instances have their size', async () => {
  const config = { type: 'AWS::AutoScaling::LaunchConfiguration', properties: { ImageId: 'tiny', InstanceType: 'm1.nano', UserData: 'IyEvYmluL3NoCg==' } }, name = ref('config')
  const of = (size: number) => hot({
    net: { type: 'OS::Neutron::Net' }, sub: { type: 'OS::Neutron::Subnet', properties: { network: ref('net'), cidr: '10.9.0.0/24' } }, config,
    group: { type: 'AWS::AutoScaling::AutoScalingGroup', properties: { LaunchConfigurationName: name, AvailabilityZones: ['nova'], VPCZoneIdentifier: [ref('sub')], MinSize: '1', MaxSize: '3', Tags: [{ Key: 'k', Value: 'v' }] } },
    up: { type: 'AWS::AutoScaling::ScalingPolicy', properties: { AutoScalingGroupName: ref('group'), AdjustmentType: 'ChangeInCapacity', ScalingAdjustment: '1' } },
    fixed: { type: 'OS::Heat::InstanceGroup', properties: { LaunchConfigurationName: name, AvailabilityZones: ['nova'], Size: size } },
  }, { outputs: { list: { value: { get_attr: ['fixed', 'InstanceList'] } }, url: { value: { get_attr: ['up', 'AlarmUrl'] } } } })
  const servers = async () => (await t.c.call('GET', '/compute/v2.1/servers', { token: t.k.admin })).body.servers.length
  let s = await t.make(of(1))
  expect([t.why(s), await servers()]).toEqual(['CREATE_COMPLETE: Stack CREATE completed successfully', 2])
  const out = () => Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_value])), { pathname, search } = new URL(out().url, 'http://cloud.test')
  expect((await t.c.call('POST', pathname + search)).status).toBe(200)
  await t.k.rest()
  expect(await servers()).toBe(3)
  s = await t.change(s, of(2))
  expect([t.why(s), await servers(), out().list.split(',').length]).toEqual(['UPDATE_COMPLETE: Stack UPDATE completed successfully', 4, 2])
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  expect(await servers()).toBe(0)
}, 90_000)
