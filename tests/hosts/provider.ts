import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { wires } from '../../local/host/wires.ts'
import { layout } from '../../local/layout.ts'
import { equal, matches } from '../clients/cli.ts'
import { Guest } from '../clients/guest.ts'
import { rootOnDebian } from '../clients/packages.ts'
import { Running } from '../harness/running.ts'
import { sh, Steps, until } from '../steps.ts'

/**
 * Flat and VLAN networks between real guests on two real hosts, which share a switch of this machine with somebody who is
 * in no cloud. What is on the wire is listened to where each host's cable ends. `--keep`, `--network-driver NAME`.
 */
const { values } = parseArgs({ options: { keep: { type: 'boolean' }, 'network-driver': { type: 'string', default: 'linuxbridge' } } })
const steps = new Steps()
if (!rootOnDebian()) {
  console.log('skip  flat and VLAN networks of real guests (needs root on Debian)')
  process.exit(steps.close())
}
const middle = `vsw${process.pid}`, world = `vsn${process.pid}`
const args = ['--hypervisor', 'libvirt', '--hosts', '2', '--network-driver', values['network-driver'], '--physical-network', `physnet1=${middle}`]
const c = await Running.make(args), dir = mkdtempSync(path.join(tmpdir(), 'virga-provider-')), key = path.join(dir, 'key')
process.on('exit', () => { c.child?.kill(); rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
const call = (method: string, at: string, body?: unknown) => c.call('admin', method, at, body)
const ip = (...args: string[]) => sh('ip', args)

interface Server { id: string; name: string; racks: { ip: string; mac: string; port: string }; floor: { ip: string; mac: string }; guest: Guest }
const servers: Server[] = [], networks: Record<'racks' | 'floor', string> = { racks: '', floor: '' }
const both = () => { if (servers.length < 2) throw new Error('there are not two servers'); return servers as [Server, Server] }
const plain = (mac: string) => mac.replaceAll(':', '')
let group = ''

/** The tags of all frames with this sign at the end of a host's cable while work goes on, `-` for none; how many there were. */
async function onWire(host: number, sign: string, work: () => Promise<unknown>): Promise<{ tags: string[]; frames: number }> {
  const ear = spawn('python3', [new URL('../bridge/frames.py', import.meta.url).pathname, 'tags', wires(layout(c.data).tag).physical(0, host), '600', sign], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  ear.stdout.on('data', (d: Buffer) => { said += d })
  try {
    await until('an ear', 20, async () => said.includes('ready'))
    await work()
  } finally { ear.kill() }
  const all = said.trim().split('\n').slice(1)
  return { tags: [...new Set(all)], frames: all.length }
}
const pings = async (from: Server, to: string) => matches(`${from.name} to ${to}`, await from.guest.run(`ping -c 4 -w 10 ${to}`), /[2-4] packets received/)
async function moved(s: Server, to: string) {
  // Where it has just been, what it left must be cleared away first.
  await until(`a move to ${to}`, 30, () => call('POST', `/compute/v2.1/servers/${s.id}/action`, { 'os-migrateLive': { host: to, block_migration: 'auto' } }).then(() => true))
  await until(`${s.name} on ${to}`, 180, async () => { const { server } = await call('GET', `/compute/v2.1/servers/${s.id}`); return server.status === 'ACTIVE' && !server['OS-EXT-STS:task_state'] && server['OS-EXT-SRV-ATTR:host'] === to })
}
const asks = (from: Server, address: string) => from.guest.run(`timeout 6 wget -q -O - http://${address}/ 2>/dev/null || echo -`)

await steps.step('a switch of this machine, and somebody on it', async () => {
  await ip('link', 'add', middle, 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
  await ip('link', 'set', middle, 'addrgenmode', 'none', 'up')
  await ip('netns', 'add', world)
  await ip('link', 'add', world, 'master', middle, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world)
  await ip('link', 'set', world, 'addrgenmode', 'none', 'up')
  await ip('-n', world, 'addr', 'add', '10.100.0.200/24', 'dev', 'eth0')
  await ip('-n', world, 'link', 'set', 'eth0', 'up')
})
if (await steps.step(`npm start -- ${args.join(' ')}`, () => c.start(900).then(() => true))) await story()
if (!values.keep) {
  await steps.step('npm run reset: the switch is left as it was', async () => {
    await c.reset()
    equal('the folder', existsSync(c.data), false)
    equal('its ports', (JSON.parse((await ip('-j', 'link', 'show', 'master', middle)).stdout) as { ifname: string }[]).map((l) => l.ifname), [world])
  })
  for (const gone of [['link', 'del', middle], ['netns', 'del', world]]) await sh('ip', gone, { fails: true })
}
process.exit(steps.close())

async function story() {
  await steps.step('both hosts lead to it; as admin a VLAN network and a flat one, as anybody none', async () => {
    equal('where hosts lead', (await call('GET', '/hosts')).hosts.map((h: { physical_networks: string[] }) => h.physical_networks.toSorted()), [['external', 'physnet1'], ['external', 'physnet1']])
    const made = (name: string, more: object) => ({ network: { name, 'provider:physical_network': 'physnet1', ...more } })
    const vlan = made('racks', { 'provider:network_type': 'vlan', 'provider:segmentation_id': 101 })
    equal('a tenant', (await c.ask('POST', '/network/v2.0/networks', { token: await c.token('demo'), body: vlan })).status, 403)
    networks.racks = (await call('POST', '/network/v2.0/networks', vlan)).network.id
    networks.floor = (await call('POST', '/network/v2.0/networks', made('floor', { 'provider:network_type': 'flat' }))).network.id
    for (const [network, more] of [[networks.racks, { cidr: '10.101.0.0/24' }], [networks.floor, { cidr: '10.100.0.0/24', gateway_ip: null, allocation_pools: [{ start: '10.100.0.10', end: '10.100.0.99' }] }]] as const) await call('POST', '/network/v2.0/subnets', { subnet: { network_id: network, ip_version: 4, ...more } })
  })
  await steps.step('a server on each host with a card on each of them, reached by a router on the VLAN', async () => {
    const { networks: [outside] } = await call('GET', '/network/v2.0/networks?router%3Aexternal=true'), { network } = await call('GET', `/network/v2.0/networks/${networks.racks}`)
    const { router } = await call('POST', '/network/v2.0/routers', { router: { name: 'racks', external_gateway_info: { network_id: outside.id } } })
    await call('PUT', `/network/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: network.subnets[0] })
    group = (await call('GET', `/network/v2.0/security-groups?name=default&project_id=${network.project_id}`)).security_groups[0].id
    for (const rule of [{ protocol: 'icmp' }, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 }]) await call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group, direction: 'ingress', ethertype: 'IPv4', ...rule } })
    const { keypair } = await call('POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'racks', type: 'ssh' } })
    writeFileSync(key, keypair.private_key, { mode: 0o600 })
    const { images: [image] } = await call('GET', '/image/v2/images?name=tiny'), { flavors } = await call('GET', '/compute/v2.1/flavors')
    for (const [i, name] of ['one', 'two'].entries()) {
      const { server } = await call('POST', '/compute/v2.1/servers', { server: { name, imageRef: image.id, flavorRef: flavors.find((f: { name: string }) => f.name === 'm1.nano').id, networks: [{ uuid: networks.racks }, { uuid: networks.floor }], key_name: 'racks', host: `host-${i + 1}` } })
      servers.push({ id: server.id, name } as Server)
    }
    for (const [i, s] of servers.entries()) {
      await until(`${s.name} ACTIVE`, 180, async () => {
        const { server } = await call('GET', `/compute/v2.1/servers/${s.id}`)
        if (server.status === 'ERROR') throw new Error(JSON.stringify(server.fault))
        return server.status === 'ACTIVE' && server['OS-EXT-SRV-ATTR:host'] === `host-${i + 1}`
      })
      const { ports } = await call('GET', `/network/v2.0/ports?device_id=${s.id}`)
      const at = (network: string) => { const p = ports.find((p: { network_id: string }) => p.network_id === network); return { ip: p.fixed_ips[0].ip_address as string, mac: p.mac_address as string, port: p.id as string } }
      Object.assign(s, { racks: at(networks.racks), floor: at(networks.floor) })
      const { floatingip } = await call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: outside.id, port_id: s.racks.port } })
      s.guest = new Guest(floatingip.floating_ip_address, key)
    }
    for (const s of both()) equal('its name', await s.guest.up(240), s.name)
  })
  await steps.step('each has both addresses by DHCP of its own host, and metadata; the wire hears nothing of either', async () => {
    for (const [i, s] of both().entries()) {
      for (const at of [s.racks, s.floor]) await until(`${at.ip} on ${s.name}`, 60, async () => (await s.guest.run('ip -4 addr')).includes(`inet ${at.ip}/24`))
      const { frames } = await onWire(i + 1, '00440043', async () => matches('its lease', await s.guest.run(`printf '#!/bin/sh\\n[ $1 = deconfig ] || echo $1 $ip\\n' > /run/told; chmod +x /run/told; udhcpc -i eth0 -n -q -t 8 -T 2 -r ${s.racks.ip} -s /run/told 2>/dev/null`), new RegExp(`bound ${s.racks.ip}`)))
      equal('DHCP on the wire', frames, 0)
      equal('whose metadata', JSON.parse(await s.guest.run('timeout 20 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json')).uuid, s.id)
    }
  })
  await steps.step('they meet by the VLAN, with its tag on both cables, and by the flat network with none', async () => {
    const [one, two] = both()
    for (const [net, tag] of [['racks', '101'], ['floor', '-']] as const) for (const host of [1, 2]) {
      const heard = await onWire(host, plain(two[net].mac), () => pings(one, two[net].ip))
      equal(`tags by ${net} at host-${host}`, heard.tags, [tag])
      equal('at least a request and an answer', heard.frames >= 2, true)
    }
    matches('full frames', await one.guest.run(`ping -c 3 -w 10 -s 1472 ${two.racks.ip}; ip link show eth0`), /[1-3] packets received[^]*mtu 1500/)
    const sum = await two.guest.run('dd if=/dev/urandom of=/var/www/large bs=64k count=64 2>/dev/null; md5sum < /var/www/large')
    equal('4 MiB by the VLAN', await one.guest.run(`wget -q -O - http://${two.racks.ip}/large | md5sum`), sum)
  })
  await steps.step('who is on the switch with no cloud is a neighbour on the flat network, under the rules, and hears no VLAN', async () => {
    const [one] = both(), outside = (...command: string[]) => sh('ip', ['netns', 'exec', world, ...command], { fails: true })
    await pings(one, '10.100.0.200')
    equal('ping, which rules let in', (await outside('ping', '-c', '3', '-W', '3', one.floor.ip)).code, 0)
    const page = async () => (await outside('timeout', '5', 'busybox', 'wget', '-q', '-O', '-', `http://${one.floor.ip}/`)).code === 0
    equal('port 80, which they do not', await page(), false)
    const { security_group_rule: rule } = await call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group, direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp', port_range_min: 80, port_range_max: 80, remote_ip_prefix: '10.100.0.200/32' } })
    await until('now they do', 30, page)
    await call('DELETE', `/network/v2.0/security-group-rules/${rule.id}`)
    await until('and no more', 30, async () => !await page())
    await outside('ip', 'addr', 'add', '10.101.0.200/24', 'dev', 'eth0')
    equal('a guest of the VLAN, asked without its tag', (await outside('ping', '-c', '2', '-W', '2', one.racks.ip)).code === 0, false)
  })
  await steps.step('a guest that moves while it runs is found where it is now, by the switch and by the tag', async () => {
    const [one, two] = both()
    await moved(one, 'host-2')
    const asked = () => sh('ip', ['netns', 'exec', world, 'ping', '-c', '3', '-W', '3', one.floor.ip], { fails: true })
    // It must not have to say anything itself first: what its emulator says for it has to do.
    equal('asked by who is on the switch', (await asked()).code, 0)
    const [{ address }] = JSON.parse((await ip('-n', world, '-j', 'link', 'show', 'eth0')).stdout) as { address: string }[], to = plain(one.floor.mac) + plain(address)
    const old = await onWire(1, to, asked), now = await onWire(2, to, asked)
    equal('what is for it, at the old cable and at the new one', [old.frames, now.frames > 2, now.tags], [0, true, ['-']])
    await pings(one, '10.100.0.200')
    await pings(two, one.racks.ip)
    await moved(one, 'host-1')
    const back = await onWire(1, plain(one.racks.mac), () => pings(two, one.racks.ip))
    equal('by the VLAN again', [back.tags, back.frames > 2], [['101'], true])
  })
  await steps.step('one group, two guests: its members talk across hosts by either network, and no more when the rule goes', async () => {
    const [one, two] = both()
    equal('page of the other', [await asks(one, two.racks.ip), await asks(one, two.floor.ip)], ['two', 'two'])
    const { security_group_rules: rules } = await call('GET', `/network/v2.0/security-group-rules?security_group_id=${group}&direction=ingress`)
    for (const r of rules.filter((r: { remote_group_id?: string }) => r.remote_group_id)) await call('DELETE', `/network/v2.0/security-group-rules/${r.id}`)
    await until('no more', 30, async () => await asks(one, two.racks.ip) === '-')
    equal('nor by the flat network', await asks(one, two.floor.ip), '-')
    await pings(one, two.racks.ip)
  })
}
