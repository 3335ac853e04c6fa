import { expect, test } from 'vitest'
import type { GuestData } from '../../schema/hosts.ts'
import { metadataAnswer } from './answer.ts'
import { configDriveFiles } from './drive.ts'

const guest: GuestData = {
  server: '6f70656e-7374-6163-6b6d-657461646174', etag: '1', name: 'web one', hostname: 'web-one.cloud', project: 'b'.repeat(32), user: 'u', availabilityZone: 'north',
  flavor: 'm1.small', imageId: 'aabbccdd-0000-0000-0000-000000000000', launchIndex: 2, reservationId: 'r-abcdefgh', ec2Id: 'i-0000000a',
  meta: { role: 'web' }, keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA me' }], userData: Buffer.from([0x23, 0x21, 0xff, 0x00]).toString('base64'),
  adminPass: 'first-secret', fixedIps: [{ port: 'p', mac: 'm', network: 'n', address: '2001:db8::5' }, { port: 'p', mac: 'm', network: 'n', address: '10.0.0.5', floating: '172.24.4.9' }],
  networkData: { links: [{ id: 'tap0' }], networks: [], services: [] }, securityGroups: ['default', 'web'],
  devices: [{ device: 'vda', bus: 'virtio' }, { device: 'vdb', bus: 'virtio', serial: 'vol-1', tags: ['db'] }, { device: 'fa:16:3e:00:00:01', bus: 'pci', tags: ['lan'] }],
}
const bare: GuestData = { ...guest, keys: [], meta: {}, userData: undefined, adminPass: undefined, fixedIps: [], devices: [], securityGroups: [] }
const get = (path: string, of = guest) => metadataAnswer(of, path)
const body = (path: string, of = guest) => String(get(path, of).body)
const json = (path: string) => JSON.parse(body(path))

test('listings are as EC2 makes them, with or without a slash at the end', () => {
  expect(body('/').split('\n')).toEqual(['1.0', '2007-01-19', '2007-03-01', '2007-08-29', '2007-10-10', '2007-12-15', '2008-02-01', '2008-09-01', '2009-04-04', 'latest'])
  expect(body('/latest/')).toBe('meta-data/\nuser-data')
  expect(body('/latest', bare)).toBe('meta-data/')
  expect(body('/2009-04-04/meta-data/').split('\n')).toEqual(['ami-id', 'ami-launch-index', 'ami-manifest-path', 'block-device-mapping/', 'hostname', 'instance-action', 'instance-id',
    'instance-type', 'local-hostname', 'local-ipv4', 'placement/', 'public-hostname', 'public-ipv4', 'public-keys/', 'reservation-id', 'security-groups'])
  expect(body('/latest/meta-data/public-keys/')).toBe('0=mine')
  expect(body('/latest/meta-data/public-keys/0/')).toBe('openssh-key')
  expect(body('/latest/meta-data/placement/')).toBe('availability-zone')
  expect(body('/latest/meta-data/block-device-mapping')).toBe('ami\nebs0\nroot')
})

test('EC2 leaves', () => {
  const leaf = (name: string) => body(`/latest/meta-data/${name}`)
  expect(['ami-id', 'ami-launch-index', 'instance-id', 'hostname', 'local-ipv4', 'public-ipv4', 'reservation-id', 'instance-type', 'placement/availability-zone', 'security-groups', 'public-keys/0/openssh-key',
    'block-device-mapping/root', 'block-device-mapping/ebs0'].map(leaf)).toEqual(
    ['ami-aabbccdd000000000000000000000000', '2', 'i-0000000a', 'web-one.cloud', '10.0.0.5', '172.24.4.9', 'r-abcdefgh', 'm1.small', 'north', 'default\nweb', 'ssh-ed25519 AAAA me', '/dev/vda', '/dev/vdb'])
  expect(Buffer.from(get('/latest/user-data').body)).toEqual(Buffer.from([0x23, 0x21, 0xff, 0x00]))
  expect(get('/1.0/meta-data/instance-type').status).toBe(404)
  expect(get('/1.0/meta-data/local-ipv4').status).toBe(200)
})

test('OpenStack documents follow their version', () => {
  expect(body('/openstack').split('\n')).toEqual(['2012-08-10', '2013-04-04', '2013-10-17', '2015-10-15', '2016-06-30', '2016-10-06', '2017-02-22', '2018-08-27', '2020-10-14', 'latest'])
  expect(body('/openstack/2012-08-10').split('\n')).toEqual(['meta_data.json', 'user_data'])
  expect(body('/openstack/latest/').split('\n')).toEqual(['meta_data.json', 'user_data', 'password', 'vendor_data.json', 'network_data.json', 'vendor_data2.json'])
  expect(json('/openstack/2012-08-10/meta_data.json')).toEqual({
    uuid: guest.server, meta: { role: 'web' }, public_keys: { mine: 'ssh-ed25519 AAAA me' }, keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
    hostname: 'web-one.cloud', name: 'web one', launch_index: 2, availability_zone: 'north',
  })
  const latest = json('/openstack/latest/meta_data.json')
  expect(Buffer.from(latest.random_seed, 'base64')).toHaveLength(512)
  expect(latest).toMatchObject({ project_id: 'b'.repeat(32), dedicated_cpus: [], devices: [
    { type: 'disk', bus: 'virtio', address: 'none', path: '/dev/vdb', serial: 'vol-1', tags: ['db'] },
    { type: 'nic', bus: 'pci', address: 'none', mac: 'fa:16:3e:00:00:01', tags: ['lan'] }] })
  expect(json('/openstack/latest/network_data.json')).toEqual(guest.networkData)
  expect(json('/openstack/latest/vendor_data2.json')).toEqual({ static: {} })
  expect(get('/openstack/latest/meta_data.json').type).toBe('application/json')
  expect(get('/openstack/2013-10-17/network_data.json').status).toBe(404)
})

test('the first password is on the config drive and never on the network', () => {
  for (const path of ['/openstack/latest/meta_data.json', '/openstack/latest/password', '/latest/user-data']) expect(body(path)).not.toContain('first-secret')
  const files = configDriveFiles(guest)
  expect(JSON.parse(files['openstack/latest/meta_data.json'] as string).admin_pass).toBe('first-secret')
  expect(Object.keys(files)).not.toContain('openstack/latest/password')
  expect(JSON.parse(files['ec2/latest/meta-data.json'] as string)['public-keys']).toEqual({ '0': { 'openssh-key': 'ssh-ed25519 AAAA me' } })
  expect(files['openstack/latest/user_data']).toEqual(files['ec2/2009-04-04/user-data'])
})

test('what is not there is a 404, whatever the path tries', () => {
  for (const path of ['/openstack/9999-01-01', '/openstack/latest/nothing', '/openstack/latest/meta_data.json/x', '/openstack/latest/constructor', '/openstack/__proto__',
    '/latest/meta-data/__proto__', '/latest/meta-data/toString', '/latest/meta-data/hostname/x', '/3000-01-01/meta-data', '/latest/dynamic', '/latest/meta-data/security-groups/other'])
    expect([path, get(path).status]).toEqual([path, 404])
  expect(body('/openstack/../latest/meta-data/hostname?x=1')).toBe('web-one.cloud')
  expect(body('//latest//meta-data//hostname')).toBe('web-one.cloud')
  expect(get('/latest/user-data', bare).status).toBe(404)
  expect(get('/latest/meta-data/public-keys', bare).status).toBe(404)
  expect(body('/latest/meta-data/public-ipv4', bare)).toBe('')
})

test('a guest leaves its password once', () => {
  const posted = metadataAnswer(guest, '/openstack/2013-04-04/password', 'POST', 'ciphertext')
  expect(posted).toMatchObject({ status: 200, password: 'ciphertext' })
  expect(metadataAnswer({ ...guest, password: 'old' }, '/openstack/latest/password', 'POST', 'new')).toMatchObject({ status: 409 })
  expect(metadataAnswer(guest, '/openstack/latest/password', 'POST', 'x'.repeat(1021))).toMatchObject({ status: 400 })
  expect(body('/openstack/latest/password', { ...guest, password: 'old' })).toBe('old')
  for (const [method, path] of [['POST', '/openstack/2012-08-10/password'], ['POST', '/latest/user-data'], ['PUT', '/latest/api/token'], ['DELETE', '/']])
    expect(metadataAnswer(guest, path, method).status).toBe(405)
})
