import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Running } from '../harness/running.ts'
import { sh, Steps, until } from '../steps.ts'
import { equal, matches } from './cli.ts'
import { bare } from './contract.ts'
import { forges, gatewayMoves } from './gateway.ts'
import { Guest } from './guest.ts'
import { Host } from './host.ts'
import { Outside } from './outside.ts'
import { need } from './story.ts'
import { hostFolders, insiders, processes } from '../../local/host/libvirtd.ts'
import { rootOnDebian } from './packages.ts'

/** Several real hosts on one machine, one network over them: two guests on two hosts, and what happens to them. `--hosts N`, `--network-driver NAME`, `--keep`. */
const { values } = parseArgs({ options: { hosts: { type: 'string', default: '2' }, 'network-driver': { type: 'string', default: 'linuxbridge' }, keep: { type: 'boolean' } } })
const steps = new Steps()
if (!rootOnDebian()) {
  console.log('skip  several real hosts (needs root on Debian)')
  process.exit(steps.close())
}
const args = ['--hypervisor', 'libvirt', '--hosts', values.hosts, '--network-driver', values['network-driver']]
const c = await Running.make(args), dir = mkdtempSync(path.join(tmpdir(), 'virga-hosts-'))
process.on('exit', () => { c.child?.kill(); rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
const call = (method: string, at: string, body?: unknown) => c.call('admin', method, at, body)
const key = path.join(dir, 'key')

interface Server { id: string; name: string; host: string; port: string; address: string; guest?: Guest; floating?: string }
const made: Server[] = []
const both = () => { if (made.length < 2) throw new Error('there are not two servers'); return made as [Server, Server] }
const guestOf = (s: Server) => need(s.guest, `a floating IP of ${s.name}`)
const booted = (s: Server) => guestOf(s).run('cat /proc/sys/kernel/random/boot_id')
let outside: Outside | undefined, network = '', router = ''

if (await steps.step(`npm start -- ${args.join(' ')}`, () => c.start(900).then(() => true))) await story()
if (!values.keep) await steps.step('npm run reset: no process, link, mount, namespace or file of the hosts is left', async () => {
  await outside?.close()
  const host = new Host(c.data), tag = host.tag
  const inside = processes(host.at).map((p) => p.pid)
  equal('something was there', inside.length > 0, true)
  await c.reset()
  await bare(host, tag)
  equal('cables', (await sh('ip', ['-o', 'link'])).stdout.split('\n').filter((l) => l.includes(tag)), [])
  equal('processes of the hosts', inside.filter((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))), [])
  equal('the folder', existsSync(c.data), false)
  equal('mounts', readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((l) => l.includes(c.data)), [])
})
process.exit(steps.close())

async function story() {
  const host = new Host(c.data)
  await steps.step('every host is up, by its own name and address, with namespaces of its own', async () => {
    const { hosts } = await call('GET', '/hosts')
    equal('hosts', hosts.map((h: { name: string; up: boolean }) => [h.name, h.up]).sort(), Array.from({ length: Number(values.hosts) }, (_, i) => [`host-${i + 1}`, true]))
    const spaces = hostFolders(host.at).map((folder) => readFileSync(path.join(folder, 'libvirt', 'libvirtd.pid'), 'utf8').trim()).map((pid) => statSync(`/proc/${pid}/ns/net`).ino)
    equal('networks of their own', new Set([...spaces, statSync('/proc/self/ns/net').ino]).size, Number(values.hosts) + 1)
    equal('named namespaces on the machine', await host.namespaces(), [])
  })
  outside = new Outside(host.tag, host.externalCidr)
  await steps.step('somebody outside, on the external network', () => outside!.open())
  await steps.step('a network, a router to the outside, rules for ping and ssh', async () => {
    network = (await call('POST', '/network/v2.0/networks', { network: { name: 'wide' } })).network.id
    const { subnet } = await call('POST', '/network/v2.0/subnets', { subnet: { network_id: network, ip_version: 4, cidr: '10.77.0.0/24' } })
    const { networks } = await call('GET', '/network/v2.0/networks?router%3Aexternal=true')
    router = (await call('POST', '/network/v2.0/routers', { router: { name: 'wide', external_gateway_info: { network_id: networks[0].id } } })).router.id
    await call('PUT', `/network/v2.0/routers/${router}/add_router_interface`, { subnet_id: subnet.id })
    const { security_groups: [group] } = await call('GET', `/network/v2.0/security-groups?name=default&project_id=${(await call('GET', `/network/v2.0/networks/${network}`)).network.project_id}`)
    for (const rule of [{ protocol: 'icmp' }, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 }]) await call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group.id, direction: 'ingress', ethertype: 'IPv4', ...rule } })
    const { keypair } = await call('POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'wide', type: 'ssh' } })
    writeFileSync(key, keypair.private_key, { mode: 0o600 })
  })
  await steps.step('two servers of one network, on two hosts', async () => {
    const { images: [image] } = await call('GET', '/image/v2/images?name=tiny'), { flavors } = await call('GET', '/compute/v2.1/flavors')
    const flavor = flavors.find((f: { name: string }) => f.name === 'm1.nano').id
    for (const [i, name] of ['one', 'two'].entries()) {
      const script = `#!/bin/sh\necho user data ran on $(hostname)\ntimeout 30 wget -q -O - ${outside!.url}/from-${name}\n`
      const { server } = await call('POST', '/compute/v2.1/servers', { server: { name, imageRef: image.id, flavorRef: flavor, networks: [{ uuid: network }], key_name: 'wide', host: `host-${i + 1}`, user_data: Buffer.from(script).toString('base64') } })
      made.push({ id: server.id, name, host: `host-${i + 1}`, port: '', address: '' })
    }
    for (const s of made) {
      const { server } = await until(`${s.name} ACTIVE`, 120, async () => {
        const r = await call('GET', `/compute/v2.1/servers/${s.id}`)
        if (r.server.status === 'ERROR') throw new Error(JSON.stringify(r.server.fault))
        return r.server.status === 'ACTIVE' && r
      })
      equal('its host', server['OS-EXT-SRV-ATTR:host'], s.host)
      s.address = server.addresses.wide[0].addr
      s.port = (await call('GET', `/network/v2.0/ports?device_id=${s.id}`)).ports[0].id
    }
    equal('emulators on each host', hostFolders(host.at).slice(0, 2).map((folder) => insiders(path.join(folder, 'libvirt')).filter((p) => p.command.startsWith('qemu-')).length), [1, 1])
  })
  await steps.step('on each host: DHCP, metadata and user data; both reach the outside through the one router', async () => {
    const gateway = (await call('GET', `/network/v2.0/routers/${router}`)).router.external_gateway_info.external_fixed_ips[0].ip_address
    for (const s of both()) {
      const log = await until(`${s.name}'s console`, 240, async () => {
        const { output } = await call('POST', `/compute/v2.1/servers/${s.id}/action`, { 'os-getConsoleOutput': { length: 200 } })
        return /guest: ready/.test(output) && output as string
      })
      matches('its address', log, new RegExp(`hostname=${s.name} ip=${s.address}/24`))
      matches('its metadata, asked over the network', log, /guest: metadata source=(?!configdrive)\S+ .*keys=1/)
      matches('its user data', log, new RegExp(`user data ran on ${s.name}`))
      equal('whom the outside saw', outside!.heard(`/from-${s.name}`), [gateway])
    }
  })
  await steps.step('floating IPs answer this machine, whichever host has the router', async () => {
    const { networks } = await call('GET', '/network/v2.0/networks?router%3Aexternal=true')
    for (const s of both()) {
      const { floatingip } = await call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: networks[0].id, port_id: s.port } })
      s.floating = floatingip.floating_ip_address
      s.guest = new Guest(s.floating!, key)
    }
    for (const s of both()) equal('its name', await guestOf(s).up(), s.name)
  })
  await steps.step('from guest to guest across the hosts: ping, a full frame, ssh', async () => {
    const [one, two] = both()
    for (const [from, to] of [[one, two], [two, one]] as const) matches(`${from.name} to ${to.name}`, await guestOf(from).run(`ping -c 3 -w 10 ${to.address}`), /[1-3] packets received/)
    matches('a packet as large as the MTU', await guestOf(one).run(`ip link show | grep -o 'mtu 1450'; ping -c 2 -w 10 -s 1422 ${two.address}`), /mtu 1450[^]*[12] packets received/)
    matches('the outside sees the floating address', await guestOf(two).run(`timeout 20 wget -q -O - ${outside!.url}/`), new RegExp(`you are ${two.floating}`))
  })
  await steps.step('guests reach no control plane, host or underlay', async () => {
    const { underlay } = JSON.parse(readFileSync(host.at.in('hosts', 'hosts.json'), 'utf8'))
    const first = host.externalCidr.replace(/0\/24$/, '1')
    for (const s of both()) for (const url of [`${first}:${c.port}`, `127.0.0.1:${c.port}`, `${underlay}.10:${c.port}`, `${underlay}.11:${c.port}`]) {
      matches(`${s.name} at ${url}`, await guestOf(s).run(`timeout 4 wget -q -O - http://${url}/ && echo reached || echo not`), /^not$/m)
    }
  })
  await steps.step('bridges killed: all are back, guests notice nothing', async () => {
    const before = await Promise.all(both().map(booted)), flow = guestOf(both()[1]).talk()
    const old = c.kill('bridge')
    await c.back('bridge', old)
    const since = new Date().toISOString()
    await until('every host heard from since', 40, async () => (await call('GET', '/hosts')).hosts.every((h: { last_seen_at: string }) => h.last_seen_at > since))
    equal('silence under 3 s', flow.silence < 3000, true)
    flow.end()
    equal('the same boots', await Promise.all(both().map(booted)), before)
  })
  const of = { at: host.at, tag: host.tag, outside: outside!, router, network, call, guests: made }
  await forges(steps, of)
  await gatewayMoves(steps, of)
  await steps.step('holders and libvirtds killed: back in the same namespaces', async () => {
    const pids = (name: string) => Number(readFileSync(path.join(host.at.run, `${name}.pid`), 'utf8'))
    const space = (pid: number) => statSync(`/proc/${pid}/ns/net`).ino
    const before = space(pids('host-1')), killed = ['host-1', 'libvirtd-1'].map(pids)
    for (const pid of killed) process.kill(pid, 'SIGKILL')
    await until('both back', 20, async () => ['host-1', 'libvirtd-1'].every((name, i) => pids(name) !== killed[i] && space(pids(name)) === before))
    await call('POST', `/compute/v2.1/servers/${both()[0].id}/action`, { pause: null })
    await until('one paused', 30, async () => (await call('GET', `/compute/v2.1/servers/${both()[0].id}`)).server.status === 'PAUSED')
    await call('POST', `/compute/v2.1/servers/${both()[0].id}/action`, { unpause: null })
    await until('one goes on', 30, async () => (await call('GET', `/compute/v2.1/servers/${both()[0].id}`)).server.status === 'ACTIVE')
  })
  await steps.step('Ctrl-C and npm start: guests go on, also in between', async () => {
    const before = await Promise.all(both().map(booted))
    await c.stop('SIGINT')
    equal('reached while the cloud is down', await Promise.all(both().map((s) => guestOf(s).pings())), [true, true])
    matches('each other', await guestOf(both()[0]).run(`ping -c 2 -w 10 ${both()[1].address}`), /[12] packets received/)
    await c.start()
    equal('the same boots', await Promise.all(both().map(booted)), before)
  })
  await steps.step('npm start killed outright, and started again', async () => {
    const before = await Promise.all(both().map(booted))
    c.kill('runner')
    await c.stop('SIGKILL')
    await c.start()
    equal('the same boots', await Promise.all(both().map(booted)), before)
  })
}
