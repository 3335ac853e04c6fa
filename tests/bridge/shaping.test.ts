import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, ether, Lab, packet4, run, udp, unable, type Guest, type Network } from './lab.ts'

const why = unable()

describe.skipIf(why)(`what traffic may take${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e55', lab = new Lab(tag, { externalCidr: '172.31.245.0/24', readySeconds: 1 })
  let a: Network, outside: Network, one: Guest, two: Guest, world: string
  const free = { ingress: anything, egress: anything, pairs: [] }
  const short = (g: Guest) => g.port.id.replaceAll('-', '').slice(0, 9)
  const qos = (g: Guest, value: Guest['port']['qos']) => lab.apply((d) => { d.ports.find((p) => p.id === g.port.id)!.qos = value })

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.9.0.0/24')
    outside = lab.network('out', '172.31.245.0/24', { external: true, mtu: 1500, dhcp: undefined })
    one = lab.guest('one', a, '10.9.0.11', { security: free })
    two = lab.guest('two', a, '10.9.0.12', { security: free })
    lab.document.routers.push({
      id: lab.id('router'), external: { network: outside.id, mac: 'fa:16:3e:ab:00:01', addresses: [{ address: '172.31.245.10', prefix: 24 }], gateways: ['172.31.245.1'], snat: true },
      interfaces: [{ port: lab.id('router a'), network: a.id, mac: 'fa:16:3e:ab:00:02', addresses: [{ address: '10.9.0.1', prefix: 24 }] }], floating: [{ id: lab.id('f'), address: '172.31.245.50', fixed: '10.9.0.11' }], routes: [],
    })
    await lab.apply()
    world = lab.space('world')
    lab.plug(world, `v${tag}ext`)
    run('ip', '-n', world, 'addr', 'add', '172.31.245.200/24', 'dev', 'eth0')
    for (const ns of [one.ns, two.ns, world]) await sink(ns)
  }, 60_000)
  afterAll(() => lab.close(), 60_000)

  /** Takes all a connection sends and says when that was. */
  const sink = async (ns: string) => {
    const server = lab.start(ns, process.execPath, '-e', `require('net').createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('error', () => {}); s.on('data', (d) => { n += d.length }); s.on('end', () => s.end(String(n))) }).listen(5000, '0.0.0.0', () => console.log('up'))`)
    for (let i = 0; i < 100 && !server.text().includes('up'); i++) await new Promise((r) => setTimeout(r, 50))
  }
  /** Seconds that sending so many bytes took. */
  const seconds = async (from: string, to: string, bytes: number) => {
    const told = await lab.in(from, process.execPath, '-e', `const t = performance.now(), s = require('net').connect(5000, '${to}', () => s.end(Buffer.alloc(${bytes}))); let n = ''; s.on('data', (d) => { n += d }); s.on('end', () => { if (n !== '${bytes}') process.exit(1); console.log((performance.now() - t) / 1000) })`)
    expect(told, `${bytes} bytes to ${to}`).toBeDefined()
    return Number(told)
  }
  const slow = async (from: string, to: string) => { const s = await seconds(from, to, 400_000); expect(s).toBeGreaterThan(1.0); expect(s).toBeLessThan(6) }
  const quick = async (from: string, to: string) => expect(await seconds(from, to, 400_000)).toBeLessThan(0.9)
  const limit = { kbps: 2000, burst: 100 }

  test('nothing is limited unless it is said', async () => {
    await quick(one.ns, two.ip)
    expect(run('tc', 'qdisc')).not.toMatch(new RegExp(`(htb|ingress) .*v${tag}`))
  })
  test('what leaves a guest, and only that', async () => {
    await qos(one, { egress: limit })
    await slow(one.ns, two.ip)
    await quick(two.ns, one.ip)
  })
  test('what comes to a guest, and only that', async () => {
    await qos(one, { ingress: limit })
    expect(run('ip', 'link')).not.toContain(`v${tag}q${short(one)}`)
    await slow(two.ns, one.ip)
    await quick(one.ns, two.ip)
  })
  test('a limit that changes, and one that goes', async () => {
    await qos(one, { ingress: { kbps: 500_000, burst: 0 }, egress: limit })
    await quick(two.ns, one.ip)
    await slow(one.ns, two.ip)
    await qos(one, undefined)
    await quick(one.ns, two.ip)
    expect(run('tc', 'qdisc')).not.toMatch(new RegExp(`(htb|ingress) .*v${tag}`))
    expect(lab.net.problems()).toEqual([])
  })
  test('limits hold after a restart and come back when somebody took them away', async () => {
    await qos(one, { ingress: limit })
    await lab.net.close()
    await slow(two.ns, one.ip)
    await lab.open()
    await lab.apply()
    await slow(two.ns, one.ip)
    run('tc', 'qdisc', 'del', 'dev', `v${tag}t${short(one)}`, 'root')
    await lab.apply()
    await slow(two.ns, one.ip)
    await qos(one, undefined)
  })
  test('packets are counted', async () => {
    const sent = 3000, frame = ether(two.mac, one.mac, '0800', packet4(one.ip, two.ip, 17, udp(1000, 80, 'feedbeef')))
    const arrived = () => Number((JSON.parse(run('ip', '-n', two.ns, '-j', '-s', 'link', 'show', 'eth0')) as { stats64: { rx: { packets: number } } }[])[0]!.stats64.rx.packets)
    const heard = async () => { const before = arrived(); await lab.send(one, ...Array<string>(sent).fill(frame)); return arrived() - before }
    const some = (n: number) => { expect(n).toBeGreaterThan(90); expect(n).toBeLessThan(sent * 0.9) }
    expect(await heard()).toBeGreaterThanOrEqual(sent)
    await qos(one, { packets: { egress: { kbps: 1, burst: 0 } } })
    some(await heard())
    await qos(two, { packets: { ingress: { kbps: 1, burst: 0 } } })
    await qos(one, undefined)
    some(await heard())
    await qos(two, undefined)
  })
  test('what a guest sends carries its mark', async () => {
    await qos(one, { dscp: 46 })
    const ear = lab.start(two.ns, 'python3', '-c', `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.setsockopt(0, 13, 1)\ns.bind(('', 6000))\nprint('ready', flush=True)\nd, a, f, p = s.recvmsg(99, 99)\nprint('tos', a[0][2][0], flush=True)`)
    for (let i = 0; i < 100 && !ear.text().includes('ready'); i++) await new Promise((r) => setTimeout(r, 50))
    await lab.in(one.ns, 'python3', '-c', `import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('${two.ip}', 6000))`)
    for (let i = 0; i < 60 && !ear.text().includes('tos'); i++) await new Promise((r) => setTimeout(r, 50))
    expect(ear.text()).toContain(`tos ${46 << 2}`)
    await qos(one, undefined)
  })
  test('a floating address, each way, and its neighbours not', async () => {
    const limits = (value: NonNullable<typeof lab.document.routers[0]['limits']>) => lab.apply((d) => { d.routers[0]!.limits = value })
    await limits([{ address: '172.31.245.50', ingress: limit }])
    await slow(world, '172.31.245.50')
    await quick(one.ns, '172.31.245.200')
    await limits([{ address: '172.31.245.50', egress: limit }])
    await slow(one.ns, '172.31.245.200')
    await quick(world, '172.31.245.50')
    await quick(two.ns, '172.31.245.200')
    await limits([{ address: '172.31.245.10', egress: limit }])
    await slow(two.ns, '172.31.245.200')
    await quick(one.ns, '172.31.245.200')
    await limits([])
    await quick(two.ns, '172.31.245.200')
    expect(run('ip', 'netns', 'exec', `v${tag}r-${lab.id('router').replaceAll('-', '').slice(0, 9)}`, 'tc', 'qdisc')).not.toContain('htb')
  })
  test('nothing remains of a port that goes', async () => {
    await qos(two, { egress: limit, ingress: limit })
    expect(run('ip', 'link')).toContain(`v${tag}q${short(two)}`)
    await lab.apply((d) => { d.ports = d.ports.filter((p) => p.id !== two.port.id) })
    expect(run('ip', 'link')).not.toContain(short(two))
  })
})
