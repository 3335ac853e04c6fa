import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { names } from '../../bridge/network/names.ts'
import { anchor, folder } from '../../local/host/many.ts'
import { wires } from '../../local/host/wires.ts'
import { layout } from '../../local/layout.ts'
import type { Somebody } from '../bridge/forged.ts'
import { Guest } from '../clients/guest.ts'
import type { Running } from '../harness/running.ts'
import { sh, until } from '../steps.ts'

/** Two projects whose networks are alike to the last address, with three servers each on three real hosts. */
export interface Member extends Somebody { name: string; user: 'admin' | 'demo'; server: string; port: string; host: string; guest: Guest; floating: string }
export interface Tenant { user: 'admin' | 'demo'; name: string; network: string; router: string; subnets: string[]; group: string; /** A group whose only guests from within the project are members of the default one, on port 80. */ lone: string; gateway: Somebody; members: Member[] }
export const prefixes = { slaac: 'fd00:7::', other: 'fd00:70::' }

/** `second`: the mode of the network's second IPv6 subnet. `hosts`: where the members are to be; nowhere in particular, but each on another, unless told. */
export async function tenant(c: Running, user: 'admin' | 'demo', name: string, dir: string, second: 'dhcpv6-stateless' | 'dhcpv6-stateful', hosts?: string[]): Promise<Tenant> {
  const call = (method: string, at: string, body?: unknown) => c.call(user, method, at, body)
  const { network } = await call('POST', '/network/v2.0/networks', { network: { name: 'lan' } })
  const { networks: [outside] } = await call('GET', '/network/v2.0/networks?router%3Aexternal=true')
  const { router } = await call('POST', '/network/v2.0/routers', { router: { name: 'lan', external_gateway_info: { network_id: outside.id } } })
  const subnets: string[] = []
  for (const more of [{ ip_version: 4, cidr: '10.7.0.0/24' }, { cidr: `${prefixes.slaac}/64`, mode: 'slaac' }, { cidr: `${prefixes.other}/64`, mode: second, dns_nameservers: [`${prefixes.other}53`] }]) {
    const { mode, ...rest } = more as { mode?: string }
    const { subnet } = await call('POST', '/network/v2.0/subnets', { subnet: { network_id: network.id, ip_version: 6, ...rest, ...(mode ? { ipv6_ra_mode: mode, ipv6_address_mode: mode } : {}) } })
    await call('PUT', `/network/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id })
    subnets.push(subnet.id)
  }
  const rule = (group: string, more: object) => call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group, direction: 'ingress', protocol: 'tcp', ...more } })
  const { security_groups: [own] } = await call('GET', `/network/v2.0/security-groups?name=default&project_id=${network.project_id}`)
  const { security_group: lone } = await call('POST', '/network/v2.0/security-groups', { security_group: { name: 'lone' } })
  for (const group of [own.id, lone.id]) await rule(group, { port_range_min: 22, port_range_max: 22 })
  await rule(lone.id, { port_range_min: 80, port_range_max: 80, remote_group_id: own.id })

  const key = path.join(dir, `${name}.key`), { keypair } = await call('POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'lan', type: 'ssh' } })
  writeFileSync(key, keypair.private_key, { mode: 0o600 })
  const { server_group: apart } = await call('POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'apart', policy: 'anti-affinity' } })
  const { images: [image] } = await call('GET', '/image/v2/images?name=tiny'), { flavors } = await call('GET', '/compute/v2.1/flavors')
  const flavor = flavors.find((f: { name: string }) => f.name === 'm1.nano').id
  const members: Member[] = []
  for (const n of [1, 2, 3]) {
    const { port } = await call('POST', '/network/v2.0/ports', { port: { network_id: network.id, fixed_ips: [{ subnet_id: subnets[0], ip_address: `10.7.0.1${n}` }, ...(second === 'dhcpv6-stateful' ? [{ subnet_id: subnets[2], ip_address: `${prefixes.other}1${n}` }] : [])] } })
    const { server } = await call('POST', '/compute/v2.1/servers', {
      server: { name: `${name}${n}`, imageRef: image.id, flavorRef: flavor, networks: [{ port: port.id }], key_name: 'lan', ...(hosts ? { host: hosts[n - 1] } : {}) }, ...(hosts ? {} : { 'os:scheduler_hints': { group: apart.id } }),
    })
    const { floatingip } = await call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: outside.id, port_id: port.id } })
    const v6 = port.fixed_ips.find((f: { subnet_id: string }) => f.subnet_id === subnets[1]).ip_address
    members.push({ name: `${name}${n}`, user, server: server.id, port: port.id, host: '', mac: port.mac_address, v4: `10.7.0.1${n}`, v6, guest: new Guest(floatingip.floating_ip_address, key), floating: floatingip.floating_ip_address })
  }
  const { ports } = await call('GET', `/network/v2.0/ports?device_id=${router.id}&network_id=${network.id}`)
  return { user, name, network: network.id, router: router.id, subnets, group: own.id, lone: lone.id, gateway: { mac: ports.find((p: { fixed_ips: { ip_address: string }[] }) => p.fixed_ips[0]!.ip_address === '10.7.0.1').mac_address, v4: '10.7.0.1', v6: `${prefixes.slaac}1` }, members }
}

export async function up(c: Running, m: Member): Promise<void> {
  const s = await until(`${m.name} ACTIVE`, 240, async () => {
    const { server } = await c.call('admin', 'GET', `/compute/v2.1/servers/${m.server}`)
    if (server.status === 'ERROR') throw new Error(JSON.stringify(server.fault))
    return server.status === 'ACTIVE' && server
  })
  m.host = s['OS-EXT-SRV-ATTR:host']
  await m.guest.up(300)
  await until(`${m.name} serves`, 60, () => m.guest.run('wget -q -O - http://127.0.0.1/'))
}

export interface Counted { in: number; out: number; most: number }
/** Listens at every guest's tap and on every wire between the hosts while work goes on: frames with this sign, by who heard them. */
export async function listen(c: Running, members: Member[], sign: string, work: () => Promise<unknown>): Promise<Record<string, Counted>> {
  const at = layout(c.data), name = names(at.tag), hosts = [...new Set(members.map((m) => m.host))].sort()
  const script = new URL('ears.py', import.meta.url).pathname
  const ears = [...hosts.map((host) => ({ in: ['nsenter', '-t', String(anchor(folder(at, Number(host.slice(5)), 'libvirt'))), '-n'], who: members.filter((m) => m.host === host).map((m) => [name.tap(m.port), m.name]) })),
    { in: [], who: hosts.map((h) => [wires(at.tag).under(Number(h.slice(5))), `wire ${h.slice(5)}`]) }]
    .map(({ in: within, who }) => {
      const [command, ...args] = [...within, 'python3', script, sign, ...who.map(([device]) => device!)], child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (d: Buffer) => { said += d })
      return {
        ready: () => until('ears', 30, async () => said.includes('ready')),
        end: () => new Promise<Record<string, Counted>>((done) => {
          child.once('close', () => { const heard = JSON.parse(said.trim().split('\n').at(-1)!); done(Object.fromEntries(who.map(([device, whose]) => [whose, heard[device!]]))) })
          child.stdin.end()
        }),
      }
    })
  const heard = async (): Promise<Record<string, Counted>> => Object.assign({}, ...await Promise.all(ears.map((e) => e.end())))
  try {
    await Promise.all(ears.map((e) => e.ready()))
    await work()
    await sleep(1500)
  } catch (error) { await heard(); throw error }
  return heard()
}

/** What a guest needs to put whole frames on its network card. */
export async function armed(m: Member): Promise<void> {
  const { stdout } = await sh('ldd', ['/usr/bin/perl'])
  await m.guest.put('/usr/bin/perl', ...stdout.match(/\/\S+/g)!)
  await m.guest.run('cat > /root/frames.pl', readFileSync(new URL('frames.pl', import.meta.url), 'utf8'))
}
export const send = async (m: Member, ...frames: string[]) => Number(await m.guest.run('perl /root/frames.pl eth0', `${frames.join('\n')}\n`))
