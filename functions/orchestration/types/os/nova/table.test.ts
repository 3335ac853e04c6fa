import { describe, expect, it } from 'vitest'
import { image } from '../../../../../schema/image.ts'
import { q } from '../../../../kernel/db.ts'
import { table, type Row } from '../table-kit.ts'

const t = await table(), ref = (name: string) => ({ get_resource: name }), id = expect.stringMatching(/^[0-9a-f-]{36}$/), project = t.k.project
// Addresses asked for by name (.40, .41, .99) lie outside of the pool that others are given theirs from.
const net = { type: 'OS::Neutron::Net' }, sub = { type: 'OS::Neutron::Subnet', properties: { network: ref('net'), cidr: '10.9.0.0/24', allocation_pools: [{ start: '10.9.0.100', end: '10.9.0.200' }] } }
const host = (await t.c.call('GET', '/compute/v2.1/os-hypervisors', { token: t.k.admin })).body.hypervisors[0].hypervisor_hostname as string
const limits = ['cores', 'fixed_ips', 'floating_ips', 'instances', 'injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes', 'key_pairs', 'metadata_items', 'ram', 'security_groups', 'security_group_rules', 'server_groups', 'server_group_members']
const second = crypto.randomUUID()
await t.c.db().write([q.insert(image).values({ id: second, name: 'second', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'b'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqS1xvT3oPn4xQeQjEaQ5ouVJ1C2m3nTqOQ0d8Zk6yq me'

const rows: Row[] = [
  {
    type: 'OS::Nova::Flavor', at: '/compute/v2.1/flavors/{id}', key: 'flavor', properties: { name: 'f1', ram: 128, vcpus: 1, disk: 1, swap: 16, ephemeral: 1, is_public: false, extra_specs: { a: '1', b: 2 }, tenants: [project] },
    shown: { name: 'f1', ram: 128, swap: 16, 'OS-FLV-EXT-DATA:ephemeral': 1, 'os-flavor-access:is_public': false }, attributes: { is_public: false, extra_specs: { a: '1', b: '2' } }, steps: [[{ extra_specs: { a: '1', c: '3' } }], [{ tenants: [] }], [{ tenants: [project] }]],
  },
  { type: 'OS::Nova::HostAggregate', at: '/compute/v2.1/os-aggregates/{id}', key: 'aggregate', properties: { name: 'agg', hosts: [host], metadata: { k: 'v', l: 'w' } }, shown: { name: 'agg', hosts: [host], metadata: { k: 'v', l: 'w' } }, steps: [[{ name: 'agg2' }, { name: 'agg2' }], [{ metadata: { l: 'x' } }, { metadata: { l: 'x' } }], [{ hosts: [] }, { hosts: [] }], [{ availability_zone: 'zone-a' }, { availability_zone: 'zone-a' }], [{ hosts: [host] }, { hosts: [host] }]] },
  { type: 'OS::Nova::KeyPair', at: '/compute/v2.1/os-keypairs/{id}', key: 'keypair', properties: { name: 'k1', public_key: key }, shown: { name: 'k1', public_key: key }, attributes: { public_key: key, private_key: '' } },
  { type: 'OS::Nova::KeyPair', at: '/compute/v2.1/os-keypairs/{id}', key: 'keypair', properties: { name: 'k2', save_private_key: true }, shown: { name: 'k2' }, attributes: { private_key: expect.stringContaining('PRIVATE KEY') } },
  { type: 'OS::Nova::Quota', at: `/compute/v2.1/os-quota-sets/${project}`, key: 'quota_set', properties: { project, cores: 7 }, shown: { cores: 7 }, after: { cores: 20 }, steps: limits.map((q, i) => [{ [q]: 30 + i }, { [q]: 30 + i }]) },
  { type: 'OS::Nova::ServerGroup', at: '/compute/v2.1/os-server-groups/{id}', key: 'server_group', properties: { policies: ['anti-affinity'], rules: { max_server_per_host: 2 } }, shown: { policies: ['anti-affinity'] } },
  {
    type: 'OS::Nova::Server', at: '/compute/v2.1/servers/{id}', key: 'server', around: { net, sub, port: { type: 'OS::Neutron::Port', properties: { network: ref('net') } }, big: { type: 'OS::Nova::Flavor', properties: { ram: 96, vcpus: 1, disk: 2 } } },
    properties: { name: 'v1', image: 'tiny', flavor: 'm1.nano', networks: [{ network: ref('net'), fixed_ip: '10.9.0.40' }], metadata: { a: '1' }, tags: ['x'], user_data_format: 'RAW', user_data: '#!/bin/sh\necho hi\n', user_data_update_policy: 'IGNORE', admin_pass: 'secret-1' },
    shown: { name: 'v1', status: 'ACTIVE', metadata: { a: '1' } }, attributes: { name: 'v1', first_address: '10.9.0.40', addresses: expect.toSatisfy((a: any) => (Object.values(a) as any)[0][0].subnets[0].cidr === '10.9.0.0/24' && Object.keys(a).length === 2), networks: expect.toSatisfy((n: any) => Object.keys(n).length === 2), tags: ['x'], accessIPv4: '' },
    steps: [[{ name: 'v2' }, { name: 'v2' }], [{ metadata: { b: '2' } }, { metadata: { b: '2' } }], [{ tags: ['y', 'z'] }], [{ networks: [{ port: ref('port') }] }, { addresses: expect.toSatisfy((a: any) => Object.values(a).flat().length === 1) }], [{ networks: [{ port: ref('port') }, { subnet: ref('sub'), fixed_ip: '10.9.0.41' }] }, { addresses: expect.toSatisfy((a: any) => (Object.values(a) as any).flat().some((x: any) => x.addr === '10.9.0.41') && Object.values(a).flat().length === 2) }],
      [{ networks: [{ network: ref('net') }] }, { addresses: expect.toSatisfy((a: any) => Object.values(a).flat().length === 1) }], [{ flavor: ref('big') }, { status: 'ACTIVE', flavor: { id } }], [{ user_data: '#!/bin/sh\necho ho\n' }], [{ user_data_update_policy: 'REBUILD' }], [{ user_data: '#!/bin/sh\necho hu\n' }, { status: 'ACTIVE' }], [{ admin_pass: 'secret-2' }], [{ image: second }, { image: { id: second }, status: 'ACTIVE' }],
      [{ flavor_update_policy: 'REPLACE' }], [{ image_update_policy: 'REPLACE' }], [{ software_config_transport: 'POLL_SERVER_CFN' }], [{ deployment_swift_data: { container: 'c' } }]],
  },
]
describe.each(rows.map((r) => [r.type, r] as const))('%s', (_, row) => { it('is made, shown, changed and taken away', () => t.live(row), 90_000) })

it('a server keeps an interface that is as another entry says, and its port is wished anew where it is', async () => {
  const hot = (networks: unknown) => ({ heat_template_version: '2021-04-16', resources: { net, sub, it: { type: 'OS::Nova::Server', depends_on: 'sub', properties: { image: 'tiny', flavor: 'm1.nano', networks } } } })
  let s = await t.make(hot([{ network: ref('net') }]))
  const server = (await t.resource(s)).physical_resource_id, ports = async () => (await t.c.call('GET', `/network/v2.0/ports?device_id=${server}`, { token: t.k.admin })).body.ports as any[], [{ id: first }] = await ports()
  const to = async (networks: unknown) => { s = await t.change(s, hot(networks)); expect(t.why(s)).toMatch(/^UPDATE_COMPLETE/); return (await ports()).map((p) => p.id) }
  for (const entry of [{ subnet: ref('sub') }, { network: ref('net'), subnet: ref('sub') }, { network: ref('net') }, { port: first }]) expect(await to([entry])).toEqual([first])
  const [second] = await to([{ network: ref('net'), port_extra_properties: { admin_state_up: true } }])
  expect(second).not.toBe(first)
  expect(await to([{ network: ref('net'), port_extra_properties: { allowed_address_pairs: [{ ip_address: '10.9.0.99' }] } }])).toEqual([second])
  expect((await ports())[0].allowed_address_pairs).toMatchObject([{ ip_address: '10.9.0.99' }])
  expect(await to([{ allocate_network: 'none' }])).toEqual([])
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  expect((await t.c.call('GET', `/network/v2.0/ports/${second}`, { token: t.k.admin })).status).toBe(404)
}, 60_000)
