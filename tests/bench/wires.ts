import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { names } from '../../bridge/network/names.ts'
import { ipBatch } from '../../bridge/network/run.ts'
import { anything, Lab, ping, run, tcp, unable, uuid, type Guest, type Network } from '../bridge/lab.ts'
import { pings, type Heard } from '../harness/pings.ts'
import type { Figures } from './figures.ts'

const inside = (ns: string, ...command: string[]) => ['nsenter', `--net=/run/netns/${ns}`, ...command]

/** Megabits a second of one TCP connection from one namespace into another: as much as it takes, for so long. */
async function throughput(from: string, to: string, address: string, seconds = 4): Promise<number> {
  const port = 5201
  const [n1, ...a1] = inside(to, process.execPath, '-e', `let n = 0, t; require('net').createServer((s) => { t = process.hrtime.bigint(); s.on('data', (d) => { n += d.length }).on('end', () => { console.log(n * 8 / (Number(process.hrtime.bigint() - t) / 1e9) / 1e6); process.exit(0) }) }).listen(${port}, () => console.log('up'))`)
  const server = spawn(n1!, a1, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  server.stdout!.on('data', (d) => { said += d })
  for (const end = Date.now() + 10_000; !said.includes('up') && Date.now() < end;) await new Promise((r) => setTimeout(r, 20))
  const [n2, ...a2] = inside(from, process.execPath, '-e', `const b = Buffer.alloc(1 << 20), s = require('net').connect(${port}, '${address}', () => { const end = Date.now() + ${seconds * 1000}; const go = () => { while (Date.now() < end) if (!s.write(b)) return s.once('drain', go); s.end() }; go() })`)
  const ended = new Promise((done) => server.once('exit', done))
  spawn(n2!, a2, { stdio: 'inherit' })
  await Promise.race([ended, new Promise((r) => setTimeout(r, (seconds + 15) * 1000))])
  server.kill('SIGKILL')
  return Number(said.split('\n')[1])
}

/** Pings fifty times a second for as long as `work` goes on. */
export async function underPing(ns: string, address: string, work: () => Promise<unknown>): Promise<Heard> {
  const pinging = pings(address, { ns })
  await sleep(300)
  try { await work() } catch (e) { await pinging.end(); throw e }
  await sleep(500)
  return pinging.end()
}

/** Guest to guest across two hosts, beside the bare link those hosts have. */
export async function across(figures: Figures) {
  figures.title('Two hosts, a link between them, a guest on each (namespaces)')
  const [m1, m2] = ['t7eb-m1', 't7eb-m2'] as const
  const sweep = () => { for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (name === m1 || name === m2) run('ip', 'netns', 'del', name) }
  sweep()
  for (const ns of [m1, m2]) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
  run('ip', '-n', m1, 'link', 'add', 'under', 'mtu', '1600', 'type', 'veth', 'peer', 'name', 'under', 'mtu', '1600', 'netns', m2)
  for (const [ns, at] of [[m1, '192.168.78.1/24'], [m2, '192.168.78.2/24']]) { run('ip', '-n', ns!, 'addr', 'add', at!, 'dev', 'under'); run('ip', '-n', ns!, 'link', 'set', 'under', 'up') }
  const first = new Lab('7eba', { underlay: '192.168.78.1' }, m1), second = new Lab('7ebb', { underlay: '192.168.78.2' }, m2)
  try {
    await Promise.all([first.open(), second.open()])
    const network = (peer: string): Network => ({ id: uuid('wide bench'), vni: 7101, mtu: 1500, external: false, peers: [peer], dnsDomain: 'example.org', subnets: [{ id: uuid('wide subnet'), cidr: '10.8.1.0/24', dhcp: false, dns: [], routes: [] }] })
    first.document.networks.push(network('192.168.78.2'))
    second.document.networks.push(network('192.168.78.1'))
    const open = { security: { ingress: anything, egress: anything, pairs: [] } }
    const guest = (lab: Lab, name: string, ip: string) => { const g = lab.guest(name, lab.document.networks[0]!, ip, open); run('ip', '-n', g.ns, 'link', 'set', 'eth0', 'mtu', '1500'); return g }
    const one = guest(first, 'one', '10.8.1.11'), two = guest(second, 'two', '10.8.1.12')
    const tell = (lab: Lab, g: Guest, host: string) => lab.document.elsewhere.push({ id: g.port.id, network: g.port.network, mac: g.mac, addresses: g.port.addresses, host })
    tell(first, two, '192.168.78.2')
    tell(second, one, '192.168.78.1')
    await Promise.all([first.apply(), second.apply()])
    if (!await first.pings(one.ns, two.ip)) return figures.fail('guest to guest', 'they do not hear each other')
    const bare = await throughput(m1, m2, '192.168.78.2'), tunnel = await throughput(one.ns, two.ns, two.ip)
    figures.put('one TCP connection, bare link', bare, 'Mbit/s')
    figures.put('one TCP connection, guest to guest', tunnel, 'Mbit/s', { note: `${Math.round(100 * tunnel / bare)} % of the bare link; VXLAN, connection tracking, security groups` })
  } finally {
    await Promise.all([first.close(), second.close()])
    sweep()
  }
}

/** One host: many rules at once, and many ports found again by a bridge that starts anew, with guests who must notice neither. */
export async function reconcile(figures: Figures, ports: number) {
  figures.title(`One host: 300 rules on a port, ${ports} ports after a restart (namespaces)`)
  const lab = new Lab('7ebc'), name = names('7ebc')
  try {
    await lab.open()
    const net = lab.network('many', '10.9.0.0/16', { subnets: [{ id: uuid('many subnet'), cidr: '10.9.0.0/16', gateway: '10.9.0.1', dhcp: true, dns: [], routes: [] }] })
    const one = lab.guest('one', net, '10.9.0.11'), two = lab.guest('two', net, '10.9.0.12')
    for (const g of [one, two]) run('ip', '-n', g.ns, 'addr', 'replace', `${g.ip}/16`, 'dev', 'eth0')
    await lab.apply()
    const ms = async (work: () => Promise<unknown>) => { const since = performance.now(); await work(); return performance.now() - since }
    const rules = (n: number, from: number) => [ping, ...Array.from({ length: n }, (_, i) => tcp(from + i, [`10.9.${i % 200}.0/24`]))]
    const set = (ingress: ReturnType<typeof rules>) => lab.apply((d) => { Object.assign(d.ports.find((p) => p.id === two.port.id)!.security!, { ingress }) })
    figures.put('300 security group rules in force', await ms(() => set(rules(300, 1000))), 'ms')
    // Both sets let pings through and port 81 not: were there ever a moment with neither, one would be lost or the other got in.
    await lab.serve(two.ns, 81)
    let through = 0, tries = 0, going = true
    const trying = (async () => { while (going) { tries++; if (await lab.call(one.ns, two.ip, 81)) through++ } })()
    const took: number[] = []
    const seen = await underPing(one.ns, two.ip, async () => { for (let n = 0; n < 10; n++) took.push(await ms(() => set(rules(300, n % 2 ? 1000 : 3000)))) })
    going = false
    await trying
    figures.latency('300 rules exchanged for 300 others', took)
    figures.put('pings lost during ten exchanges', seen.lost, 'of ' + seen.sent, { bar: { most: 0 } })
    figures.put('forbidden connections let in meanwhile', through, 'of ' + tries, { bar: { most: 0 } })
    await set(rules(0, 0))

    const many = Array.from({ length: ports - 2 }, (_, i) => lab.port(`p${i}`, net, `10.9.${1 + Math.floor(i / 200)}.${20 + i % 200}`))
    const idle = lab.space('idle')
    await ipBatch(many.map((p, i) => `link add name ${name.tap(p.id)} type veth peer name p${i} netns ${idle}`))
    figures.put(`${ports} ports applied at first`, await ms(() => lab.apply()) / 1000, 's')
    const nics = many.slice(0, 3).map((p) => ({ port: p.id, network: net.id, mac: p.mac, mtu: 1450, model: 'virtio' as const }))
    await lab.net.ready(nics)
    let again = 0
    const lost = await underPing(one.ns, two.ip, async () => {
      await lab.net.close()
      again = await ms(async () => { await lab.open(); await lab.apply() })
    })
    figures.put(`${ports} ports reconciled after a restart`, again / 1000, 's', { bar: { most: 30 } })
    figures.put('pings lost meanwhile', lost.lost, 'of ' + lost.sent, { bar: { most: 0 } })
    const up = (await lab.net.ports()).length
    if (up !== ports) figures.fail('ports up', `${up} of ${ports}`)
  } finally { await lab.close() }
}

export { unable }
