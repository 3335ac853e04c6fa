import { expect, it } from 'vitest'
import { hot } from '../../test-kit.ts'
import { table } from './table-kit.ts'

const t = await table(), ref = (name: string) => ({ get_resource: name }), PATIENCE = 90_000
const shown = async (path: string) => (await t.c.call('GET', path, { token: t.k.admin })).body
const events = async (s: any) => ((await t.api('GET', `/stacks/${s.stack_name}/${s.id}/events`)).body.events as any[]).map((e) => `${e.resource_name} ${e.resource_status}`)

it('what refers to nothing of another still comes in the order that networks want, and goes in the other', async () => {
  let s = await t.make(hot({
    address: { type: 'OS::Neutron::FloatingIP', properties: { floating_network: 'public', port_id: ref('port') } },
    server: { type: 'OS::Nova::Server', properties: { image: 'tiny', flavor: 'm1.nano', networks: [{ port: ref('port') }, { network: ref('net') }] } },
    port: { type: 'OS::Neutron::Port', properties: { network: ref('net') } }, leg: { type: 'OS::Neutron::RouterInterface', properties: { router: ref('router'), subnet: ref('subnet') } },
    router: { type: 'OS::Neutron::Router', properties: { external_gateway_info: { network: 'public' } } }, subnet: { type: 'OS::Neutron::Subnet', properties: { network: ref('net'), cidr: '10.9.0.0/24' } }, net: { type: 'OS::Neutron::Net' },
  }, { outputs: { at: { value: { get_attr: ['address', 'floating_ip_address'] } } } }))
  expect(t.why(s)).toMatch(/^CREATE_COMPLETE/)
  const said = await events(s), at = (line: string) => said.indexOf(line)
  for (const [first, then] of [['subnet', 'port'], ['subnet', 'server'], ['leg', 'address'], ['router', 'address']]) expect([first, then, at(`${first} CREATE_COMPLETE`) < at(`${then} CREATE_IN_PROGRESS`)]).toEqual([first, then, true])
  expect(t.why(s = await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
}, PATIENCE)

it('a port that is replaced hands its address on, and has it again when the replacement is not to be', async () => {
  const of = (mac: string | undefined, more = {}) => hot({ net: { type: 'OS::Neutron::Net' }, sub: { type: 'OS::Neutron::Subnet', properties: { network: ref('net'), cidr: '10.9.0.0/24' } }, port: { type: 'OS::Neutron::Port', properties: { network: ref('net'), fixed_ips: [{ subnet: ref('sub'), ip_address: '10.9.0.77' }], ...(mac ? { mac_address: mac } : {}) } }, ...more })
  let s = await t.make(of(undefined))
  const before = (await t.resource(s, 'port')).physical_resource_id
  s = await t.change(s, of('fa:16:3e:aa:bb:01'))
  expect(t.why(s)).toMatch(/^UPDATE_COMPLETE/)
  const now = (await t.resource(s, 'port')).physical_resource_id, port = async (id: string) => (await shown(`/network/v2.0/ports/${id}`)).port
  expect([now === before, await port(now), await port(before)]).toMatchObject([false, { mac_address: 'fa:16:3e:aa:bb:01', fixed_ips: [{ ip_address: '10.9.0.77' }] }, undefined])
  const r = await t.api('PUT', `/stacks/${s.stack_name}/${s.id}`, { disable_rollback: false, template: of('fa:16:3e:aa:bb:02', { no: { type: 'OS::Heat::TestResource', depends_on: 'port', properties: { fail: true } } }) })
  expect(r.status).toBe(202)
  await t.k.rest()
  expect((await t.resource(s, 'port')).physical_resource_id).toBe(now)
  expect(await port(now)).toMatchObject({ mac_address: 'fa:16:3e:aa:bb:01', fixed_ips: [{ ip_address: '10.9.0.77' }] })
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
}, PATIENCE)

const userData = async (id: string) => new TextDecoder().decode(Uint8Array.from(atob((await shown(`/compute/v2.1/servers/${id}`)).server?.['OS-EXT-SRV-ATTR:user_data'] ?? (await t.c.call('GET', `/compute/v2.1/servers/${id}`, { token: t.k.admin, version: 'compute 2.96' })).body.server['OS-EXT-SRV-ATTR:user_data']), (x) => x.charCodeAt(0)))
const server = (more = {}, metadata?: object) => ({ type: 'OS::Nova::Server', ...(metadata ? { metadata } : {}), properties: { image: 'tiny', flavor: 'm1.nano', networks: [{ allocate_network: 'none' }], ...more } })

it('a guest gets its user data as given, with what its tools want, or with where its agents ask', async () => {
  const s = await t.make(hot({
    raw: server({ user_data_format: 'RAW', user_data: '#!/bin/sh\necho raw\n' }), plain: server({ user_data: '#!/bin/sh\necho plain\n' }), tools: server({ user_data: '#!/bin/sh\necho tools\n' }, { 'AWS::CloudFormation::Init': { config: {} } }),
    config: { type: 'OS::Heat::SoftwareConfig', properties: { group: 'script', config: '#!/bin/sh\necho config\n' } }, soft: server({ user_data_format: 'SOFTWARE_CONFIG', user_data: ref('config') }),
    deployment: { type: 'OS::Heat::SoftwareDeployment', properties: { config: ref('config'), server: ref('soft'), signal_transport: 'NO_SIGNAL' } },
  }, { outputs: { collect: { value: { get_attr: ['soft', 'os_collect_config'] } } } }))
  expect(t.why(s)).toMatch(/^CREATE_COMPLETE/)
  const of = async (name: string) => userData((await t.resource(s, name)).physical_resource_id)
  expect(await of('raw')).toBe('#!/bin/sh\necho raw\n')
  expect(await of('plain')).toBe('#!/bin/sh\necho plain\n')
  const tools = await of('tools')
  for (const part of ['multipart/mixed', 'filename="cfn-userdata"\n\n#!/bin/sh\necho tools', 'filename="cfn-init-data"\n\n{"AWS::CloudFormation::Init":{"config":{}}}', 'text/part-handler']) expect(tools).toContain(part)
  const soft = await of('soft'), url = /"metadata_url":"([^"]+)"/.exec(soft)![1]
  expect(soft).toContain('echo config')
  expect(s.outputs[0].output_value).toEqual({ collectors: ['ec2', 'request', 'local'], request: { metadata_url: url } })
  const { pathname, search } = new URL(url, 'http://cloud.test'), read = await t.c.call('GET', pathname + search)
  expect([read.status, read.body]).toMatchObject([200, { 'os-collect-config': { request: { metadata_url: url } }, deployments: [{ group: 'script', config: '#!/bin/sh\necho config\n' }] }])
  expect((await t.c.call('GET', pathname + search.slice(0, -2))).status).toBe(403)
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  expect((await t.c.call('GET', pathname + search)).status).toBe(403)
}, PATIENCE)

it('a server sleeps and wakes with its stack', async () => {
  const s = await t.make(hot({ it: server() })), id = (await t.resource(s)).physical_resource_id, status = async () => (await shown(`/compute/v2.1/servers/${id}`)).server.status
  for (const [action, then] of [['suspend', 'SUSPENDED'], ['resume', 'ACTIVE'], ['check', 'ACTIVE']]) {
    expect((await t.api('POST', `/stacks/${s.stack_name}/${s.id}/actions`, { [action]: null })).status).toBeLessThan(300)
    await t.k.rest()
    expect([action, await status(), (await t.resource(s)).resource_status]).toEqual([action, then, `${action.toUpperCase()}_COMPLETE`])
  }
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
}, PATIENCE)

it('a volume goes back to what it was when the stack was photographed', async () => {
  const s = await t.make(hot({ it: { type: 'OS::Cinder::Volume', properties: { size: 1 } } })), at = `/stacks/${s.stack_name}/${s.id}/snapshots`
  const made = await t.api('POST', at, { name: 'then' })
  expect(made.status).toBe(200)
  await t.k.rest()
  expect((await t.api('GET', `${at}/${made.body.id}`)).body.snapshot.status).toBe('COMPLETE')
  expect((await t.api('POST', `${at}/${made.body.id}/restore`)).status).toBe(202)
  await t.k.rest()
  expect((await t.resource(s)).resource_status).toBe('RESTORE_COMPLETE')
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  expect((await shown('/volume/v3/snapshots')).snapshots).toEqual([])
}, PATIENCE)

it('what a snapshot of a stack was made of goes with it, or with the stack', async () => {
  const s = await t.make(hot({ it: server(), vol: { type: 'OS::Cinder::Volume', properties: { size: 1 } } })), at = `/stacks/${s.stack_name}/${s.id}/snapshots`
  const made = async () => {
    const [{ images }, { snapshots }] = await Promise.all([shown('/image/v2/images?visibility=private'), shown('/volume/v3/snapshots?all_tenants=1')])
    return { images: images.length, snapshots: snapshots.length }
  }
  const take = async () => { const { body } = await t.api('POST', at); await t.k.rest(); return body.id as string }
  const first = await take()
  expect([(await t.api('GET', `${at}/${first}`)).body.snapshot.status, await made()]).toEqual(['COMPLETE', { images: 1, snapshots: 1 }])
  await take()
  expect(await made()).toEqual({ images: 2, snapshots: 2 })
  expect((await t.api('DELETE', `${at}/${first}`)).status).toBe(204)
  await t.k.rest()
  expect(await made()).toEqual({ images: 1, snapshots: 1 })
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  await t.k.rest()
  expect(await made()).toEqual({ images: 0, snapshots: 0 })
}, PATIENCE)
