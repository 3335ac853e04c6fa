import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, Lab, run, unable, until, type Guest, type Network } from './lab.ts'

const why = unable()

describe.skipIf(why)(`what routers count, follow and answer for${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e5c', lab = new Lab(tag, { externalCidr: '172.31.246.0/24', readySeconds: 1 })
  let a: Network, outside: Network, one: Guest, two: Guest, world: string
  const free = { ingress: anything, egress: anything, pairs: [] }
  type Router = typeof lab.document.routers[0]
  const rules = (label: string, ...list: NonNullable<Router['meters']>[0]['rules']) => ({ label: lab.id(label), rules: list })
  const change = (what: Partial<Router>) => lab.apply((d) => { Object.assign(d.routers[0]!, what) })
  const counts = async (label: string) => { const m = (await lab.net.meters!()).find((x) => x.label === lab.id(label)); return m && { packets: m.packets, bytes: m.bytes } }

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.9.0.0/24')
    a.subnets.push({ id: lab.id('a six'), cidr: 'fd00:a::/64', gateway: 'fd00:a::1', dhcp: true, dns: [], routes: [], v6: 'slaac' })
    outside = lab.network('out', '172.31.246.0/24', { external: true, mtu: 1500, dhcp: undefined })
    outside.subnets.push({ id: lab.id('out six'), cidr: '2001:db8:f::/64', gateway: '2001:db8:f::1', dhcp: false, dns: [], routes: [] })
    one = lab.guest('one', a, '10.9.0.11', { security: free })
    two = lab.guest('two', a, '10.9.0.12', { security: free })
    one.port.addresses.push({ subnet: lab.id('a six'), address: 'fd00:a::11' })
    lab.document.routers.push({
      id: lab.id('router'), external: { network: outside.id, mac: 'fa:16:3e:ac:00:01', addresses: [{ address: '172.31.246.10', prefix: 24 }, { address: '2001:db8:f::10', prefix: 64 }], gateways: ['172.31.246.1'], snat: true },
      interfaces: [{ port: lab.id('router a'), network: a.id, mac: 'fa:16:3e:ac:00:02', addresses: [{ address: '10.9.0.1', prefix: 24 }, { address: 'fd00:a::1', prefix: 64 }] }], floating: [], routes: [],
    })
    await lab.apply()
    world = lab.space('world')
    lab.plug(world, `v${tag}ext`)
    run('ip', '-n', world, 'addr', 'add', '172.31.246.200/24', 'dev', 'eth0')
    run('ip', '-n', world, 'addr', 'add', '2001:db8:f::200/64', 'dev', 'eth0', 'nodad')
    run('ip', '-n', one.ns, 'addr', 'add', 'fd00:a::11/64', 'dev', 'eth0', 'nodad')
    run('ip', '-n', one.ns, '-6', 'route', 'replace', 'default', 'via', 'fd00:a::1')
  }, 60_000)
  afterAll(() => lab.close(), 60_000)
  const ping = (from: string, to: string, n = 5) => lab.in(from, 'ping', '-c', String(n), '-i', '0.1', '-s', '72', '-W', '1', to)

  test('counts what its rules name, by direction, and not what others exclude; goes on when something else changes', async () => {
    await change({ meters: [
      rules('out', { direction: 'egress', source: '10.9.0.0/24', excluded: false }),
      rules('in', { direction: 'ingress', destination: '10.9.0.11/32', excluded: false }),
      rules('but two', { direction: 'egress', source: '10.9.0.0/24', excluded: false }, { direction: 'egress', source: '10.9.0.12', excluded: true }),
    ] })
    expect(await ping(one.ns, '172.31.246.200')).toBeDefined()
    // 20 bytes of IPv4, 8 of ICMP, 72 of data.
    expect([await counts('out'), await counts('in'), await counts('but two')]).toEqual(Array(3).fill({ packets: 5, bytes: 500 }))
    expect(await ping(two.ns, '172.31.246.200')).toBeDefined()
    expect([await counts('out'), await counts('in'), await counts('but two')]).toEqual([{ packets: 10, bytes: 1000 }, ...Array(2).fill({ packets: 5, bytes: 500 })])
    // Neighbours inside are no business of the outside.
    expect(await ping(one.ns, two.ip)).toBeDefined()
    await change({ floating: [{ id: lab.id('f'), address: '172.31.246.60', fixed: two.ip }], meters: [...lab.document.routers[0]!.meters!, rules('late', { direction: 'egress', source: '10.9.0.12/32', excluded: false })] })
    expect(await counts('out')).toEqual({ packets: 10, bytes: 1000 })
    expect(await ping(two.ns, '172.31.246.200')).toBeDefined()
    expect([await counts('out'), await counts('late')]).toEqual([{ packets: 15, bytes: 1500 }, { packets: 5, bytes: 500 }])
    await change({ meters: [], floating: [] })
    expect(await lab.net.meters!()).toEqual([])
  })

  test('a data connection agreed upon over FTP is let in from outside; without the helper it is not', async () => {
    // The server calls back the client behind translation, on the port it named: active FTP.
    const server = lab.start(world, process.execPath, '-e', `const net = require('net'); net.createServer((s) => { s.on('error', () => {}); s.write('220 hi\\r\\n'); s.on('data', (d) => { const m = /PORT (\\d+),(\\d+),(\\d+),(\\d+),(\\d+),(\\d+)/.exec(String(d)); s.write('200 ok\\r\\n'); if (!m) return
      const c = net.connect({ host: m.slice(1, 5).join('.'), port: m[5] * 256 + +m[6], localPort: 20 + 60000 }, () => c.end('file')); c.on('error', () => {}) }) }).listen(21, () => console.log('up'))`)
    await until('server', () => server.text().includes('up'))
    const active = (port: number) => lab.in(one.ns, process.execPath, '-e', `const net = require('net'); const l = net.createServer((c) => c.on('data', (d) => { console.log(String(d)); process.exit(0) })).listen(${port}, () => {
      const s = net.connect(21, '172.31.246.200'); let n = 0; s.on('data', () => s.write(n++ ? n > 2 ? '' : 'PORT 10,9,0,11,${port >> 8},${port & 255}\\r\\n' : 'USER me\\r\\n')); s.on('error', () => process.exit(1)) }); setTimeout(() => process.exit(1), 3000)`)
    expect(await active(40001)).toBeUndefined()
    await change({ helpers: [{ helper: 'ftp', protocol: 'tcp', port: 21 }, { helper: 'tftp', protocol: 'udp', port: 69 }] })
    expect((await active(40002))?.trim()).toBe('file')
    await change({ helpers: [] })
    expect(await active(40003)).toBeUndefined()
    expect(lab.net.problems()).toEqual([])
  })

  test('an address inside is found outside without a route, as long as it is answered for', async () => {
    // Outside the inner address looks like a neighbour's.
    run('ip', '-n', world, '-6', 'route', 'add', 'fd00:a::/64', 'dev', 'eth0')
    const reached = () => lab.in(world, 'ping', '-6', '-c', '2', '-i', '0.3', '-W', '1', 'fd00:a::11')
    expect(await reached()).toBeUndefined()
    await change({ proxies: ['fd00:a::11'] })
    run('ip', '-n', world, '-6', 'neigh', 'flush', 'dev', 'eth0')
    expect(await reached()).toBeDefined()
    await change({ proxies: [] })
    run('ip', '-n', world, '-6', 'neigh', 'flush', 'dev', 'eth0')
    expect(await reached()).toBeUndefined()
  })
})
