import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Running } from '../harness/running.ts'
import { until, type Steps } from '../steps.ts'
import { equal, matches, type Cli } from './cli.ts'
import type { Guest } from './guest.ts'
import type { Host } from './host.ts'
import type { Outside } from './outside.ts'

/** What the parts of the story share. What an earlier part should have left and did not is asked for by `need`. */
export interface Story {
  c: Running; steps: Steps
  /** Guests are real machines, to be looked into. */
  real: boolean
  demo: Cli; admin: Cli
  dir: string; key: string
  host: Host; outside?: Outside
  one?: string; two?: string; floating?: string; guest?: Guest; second?: Guest
}
export function need<T>(what: T | undefined, name: string): T {
  if (what === undefined) throw new Error(`needs ${name}, which an earlier step did not leave`)
  return what
}

/** A server's status, by the API: the client would take a second each time. */
export async function status(s: Story, id: string, wanted: string, seconds = 180): Promise<any> {
  return until(`server ${id} being ${wanted}`, seconds, async () => {
    const { server } = await s.c.call('demo', 'GET', `/compute/v2.1/servers/${id}`)
    if (server.status === 'ERROR' && wanted !== 'ERROR') throw new Error(`in ERROR: ${server.fault?.message}`)
    return server.status === wanted && !server['OS-EXT-STS:task_state'] && server
  })
}
export const volumeIs = (s: Story, id: string, wanted: string, seconds = 120): Promise<any> => until(`volume ${id} being ${wanted}`, seconds, async () => {
  const { volume } = await s.c.call('demo', 'GET', `/volume/v3/volumes/${id}`)
  return volume.status === wanted && volume
})
/** Gone is what answers 404. */
export const gone = (s: Story, url: string, seconds = 90) => until(`${url} being gone`, seconds, async () => (await s.c.ask('GET', url, { token: await s.c.token('admin') })).status === 404)

export async function identity({ steps, demo, admin, c }: Story) {
  await steps.step('openstack token issue, catalog list', async () => {
    const token = await demo.json('token', 'issue')
    matches('a token', token.id, /^\S{20,}$/)
    const types = (await demo.json<{ Type: string }[]>('catalog', 'list')).map((s) => s.Type)
    for (const type of ['identity', 'image', 'compute', 'placement', 'network', 'volumev3']) if (!types.includes(type)) throw new Error(`no ${type} in the catalog: ${types}`)
  })
  await steps.step('openstack project create, user create, role add, and the new user logs in', async () => {
    const project = await admin.json('project', 'create', 'story'), user = await admin.json('user', 'create', '--project', 'story', '--password', 'Story-Secret-1', 'teller')
    await admin.run('role', 'add', '--project', project.id, '--user', user.id, 'member')
    const roles = await admin.json<{ Role: string }[]>('role', 'assignment', 'list', '--user', user.id, '--project', project.id, '--names')
    equal('roles', roles.map((r) => r.Role), ['member'])
    const { Cli } = await import('./cli.ts')
    const teller = new Cli({ ...openrcOf(c), OS_USERNAME: 'teller', OS_PASSWORD: 'Story-Secret-1', OS_PROJECT_NAME: 'story' })
    equal('the new user\'s project', (await teller.json('token', 'issue')).project_id, project.id)
    matches('a member listing users', await teller.refused('user', 'list'), /403|not authorized|doesn't allow/i)
    await admin.run('user', 'delete', user.id)
    await admin.run('project', 'delete', project.id)
  })
}
const openrcOf = (c: Running) => Object.fromEntries([...readFileSync(path.join(c.data, 'openrc'), 'utf8').matchAll(/^export (\w+)='(.*)'$/gm)].map((m) => [m[1], m[2]]))

export async function image({ steps, demo, dir }: Story) {
  await steps.step('openstack image create from a file, list, save: the same bytes', async () => {
    const file = path.join(dir, 'some.raw'), saved = path.join(dir, 'saved.raw')
    writeFileSync(file, randomBytes(3 << 20))
    const made = await demo.json('image', 'create', '--disk-format', 'raw', '--container-format', 'bare', '--file', file, '--property', 'purpose=story', 'some')
    equal('its status', (await demo.json('image', 'show', made.id)).status, 'active')
    const listed = await demo.json<{ Name: string; Status: string }[]>('image', 'list')
    equal('in the list', listed.filter((i) => ['some', 'tiny'].includes(i.Name)).map((i) => `${i.Name} ${i.Status}`).sort(), ['some active', 'tiny active'])
    await demo.run('image', 'save', '--file', saved, made.id)
    if (!readFileSync(file).equals(readFileSync(saved))) throw new Error('other bytes came back')
    await demo.run('image', 'delete', made.id)
  })
}

export async function network(s: Story) {
  const { steps, demo } = s
  await steps.step('openstack network, subnet, router, port and floating ip: made, joined, deleted', async () => {
    await demo.run('network', 'create', 'inner')
    await demo.run('subnet', 'create', '--network', 'inner', '--subnet-range', '10.77.0.0/24', 'inner-subnet')
    await demo.run('router', 'create', 'inner-router')
    await demo.run('router', 'set', '--external-gateway', 'public', 'inner-router')
    await demo.run('router', 'add', 'subnet', 'inner-router', 'inner-subnet')
    const port = await demo.json('port', 'create', '--network', 'inner', '--fixed-ip', 'subnet=inner-subnet,ip-address=10.77.0.77', 'inner-port')
    const floating = await demo.json('floating', 'ip', 'create', '--port', port.id, 'public')
    equal('what the floating IP stands for', floating.fixed_ip_address, '10.77.0.77')
    matches('deleting a network in use', await demo.refused('network', 'delete', 'inner'), /409|in use/i)
    await demo.run('floating', 'ip', 'delete', floating.floating_ip_address)
    await demo.run('port', 'delete', port.id)
    await demo.run('router', 'remove', 'subnet', 'inner-router', 'inner-subnet')
    await demo.run('router', 'delete', 'inner-router')
    await demo.run('network', 'delete', 'inner')
  })
  await steps.step('openstack security group and rules: ssh and ping from anywhere', async () => {
    await demo.run('security', 'group', 'create', 'doors')
    await demo.run('security', 'group', 'rule', 'create', '--protocol', 'tcp', '--dst-port', '22', '--remote-ip', '0.0.0.0/0', 'doors')
    await demo.run('security', 'group', 'rule', 'create', '--protocol', 'icmp', 'doors')
    const rules = await demo.json<{ 'IP Protocol': string | null }[]>('security', 'group', 'rule', 'list', 'doors')
    equal('rules', rules.map((r) => r['IP Protocol']).filter(Boolean).sort(), ['icmp', 'tcp'])
  })
}
