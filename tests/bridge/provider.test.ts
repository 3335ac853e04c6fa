import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { names } from '../../bridge/network/names.ts'
import { anything, arp, ether, Lab, packet4, ping, run, udp, until, uuid, type Guest, type Network } from './lab.ts'
import { carriers, Vswitch } from './vswitch.ts'

/**
 * Two machines, each with a cable to one switch that carries tags as they are, and a neighbour who is on it with no cloud.
 * Where Open vSwitch carries networks, the devices the machines name are bridges of it, and the cables their ports.
 */
const all = 'ff:ff:ff:ff:ff:ff', dhcpMac = 'fa:16:3e:dd:57:01'

for (const { driver, why } of carriers) describe.skipIf(why)(`flat and VLAN networks by ${driver}${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const spaces = ['t7e7-m1', 't7e7-m2', 't7e7-sw', 't7e7-world']
  const [m1, m2, middle, world] = spaces as [string, string, string, string]
  const options = { physical: { external: 'ext0', physnet1: 'data0' }, readySeconds: 1, driver }, switches = driver === 'openvswitch' ? [new Vswitch(m1), new Vswitch(m2)] : []
  const first = new Lab('7e7a', { ...options, underlay: '192.168.79.1' }, m1), second = new Lab('7e7b', { ...options, underlay: '192.168.79.2' }, m2)
  const free = { ingress: anything, egress: anything, pairs: [] }
  const made = (lab: Lab, name: string, cidr: string, vlan?: number, more: Partial<Network> = {}) => lab.network(name, cidr, { id: uuid(`provider ${name}`), mtu: 1500,
    physical: { network: 'physnet1', vlan }, peers: [lab === first ? '192.168.79.2' : '192.168.79.1'], dhcp: { port: uuid(`${name} ${lab.tag}`), mac: dhcpMac, addresses: [cidr.replace('0/24', lab === first ? '2' : '3')] }, ...more })
  const nets = (lab: Lab) => ({ red: made(lab, 'red', '10.101.0.0/24', 101), blue: made(lab, 'blue', '10.102.0.0/24', 102), plain: made(lab, 'plain', '10.100.0.0/24'),
    street: made(lab, 'street', '203.0.113.0/24', 200, { external: true, dhcp: undefined }) })
  let here: ReturnType<typeof nets>, there: ReturnType<typeof nets>
  let red1: Guest, red2: Guest, blue2: Guest, plain1: Guest, plain2: Guest, openRed: Guest, openPlain: Guest, street2: Guest
  const frames = new URL('frames.py', import.meta.url).pathname
  let marks = 0
  const mark = () => `feedc0de${(++marks).toString(16).padStart(4, '0')}`
  const inNs = (ns: string, device: string) => ({ ns, device })
  /** The tags of all frames with this mark that pass a device of the switch's namespace, as text. */
  const onWire = async (sign: string, act: () => Promise<unknown>, device = 'p1', ns = middle, seconds = 1.5) => {
    const ear = first.start(ns, 'python3', frames, 'tags', device, String(seconds), sign)
    await until('ear', () => ear.text().includes('ready'))
    await act()
    if (ear.child.exitCode === null) await new Promise((done) => ear.child.once('close', done))
    return ear.text().trim().split('\n').slice(1)
  }
  const say = (from: { ns: string; device: string }, ...list: string[]) => first.in(from.ns, 'python3', frames, 'send', from.device, ...list)
  const tag = (id: number) => `8100${id.toString(16).padStart(4, '0')}`
  const shout = (mac: string, sign: string, tags: number[] = []) => `${'ff'.repeat(6)}${mac.replaceAll(':', '')}${tags.map(tag).join('')}0800${packet4('10.101.0.77', '255.255.255.255', 17, udp(1000, 2000, sign))}`
  /** How often each of these guests hears what is said with a mark of its own. */
  const heard = async (guests: Guest[], act: (sign: string) => Promise<unknown>) => {
    const sign = mark(), ears = guests.map((g) => first.hears(g, 3, sign))
    await Promise.all(ears.map((e) => e.ready))
    await act(sign)
    return Promise.all(ears.map((e) => e.count()))
  }
  const worldMac = () => (JSON.parse(run('ip', '-n', world, '-j', 'link', 'show', 'dev', 'eth0')) as { address: string }[])[0]!.address

  beforeAll(async () => {
    for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (spaces.includes(name)) run('ip', 'netns', 'del', name)
    for (const ns of spaces) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
    run('ip', '-n', middle, 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
    run('ip', '-n', middle, 'link', 'set', 'br0', 'up')
    for (const [port, ns, name] of [['p1', m1, 'data0'], ['p2', m2, 'data0'], ['pw', world, 'eth0'], ['e1', m1, 'ext0'], ['e2', m2, 'ext0']] as const) {
      run('ip', '-n', middle, 'link', 'add', port, 'type', 'veth', 'peer', 'name', switches.length && name === 'data0' ? 'cable0' : name, 'netns', ns)
      run('ip', '-n', middle, 'link', 'set', port, ...(port.startsWith('e') ? [] : ['master', 'br0']), 'up')
    }
    for (const [i, s] of switches.entries()) {
      run('ip', '-n', spaces[i]!, 'link', 'set', 'cable0', 'up')
      await s.open()
      await s.bridge('data0', 'cable0')
      await s.bridge('under')
      run('ip', '-n', spaces[i]!, 'addr', 'add', `192.168.79.${i + 1}/24`, 'dev', 'under')
    }
    for (const [i, lab] of switches.length ? [first, second].entries() : []) lab.env = switches[i]!.env
    run('ip', '-n', world, 'addr', 'add', '10.100.0.200/24', 'dev', 'eth0')
    run('ip', '-n', world, 'link', 'set', 'eth0', 'up')
    await Promise.all([first.open(), second.open()])
    here = nets(first)
    there = nets(second)
    red1 = first.guest('red1', here.red, '10.101.0.11', { security: { ingress: [ping], egress: anything, pairs: [] } })
    red2 = second.guest('red2', there.red, '10.101.0.12', { security: free })
    blue2 = second.guest('blue2', there.blue, '10.102.0.12', { security: free })
    plain1 = first.guest('plain1', here.plain, '10.100.0.11', { security: free })
    plain2 = second.guest('plain2', there.plain, '10.100.0.12', { security: free })
    openRed = first.guest('openred', here.red, '10.101.0.13', { security: undefined })
    openPlain = first.guest('openplain', here.plain, '10.100.0.13', { security: undefined })
    street2 = second.guest('street2', there.street, '203.0.113.1', { security: free })
    await Promise.all([first.apply(), second.apply()])
    expect([await first.net.problems(), await second.net.problems()]).toEqual([[], []])
    expect(new Set(await first.net.ports())).toEqual(new Set([red1, plain1, openRed, openPlain].map((g) => g.port.id)))
  }, 60_000)
  afterAll(async () => {
    await Promise.all([first.close(), second.close()])
    for (const s of switches) await s.close()
    for (const ns of spaces) run('ip', 'netns', 'del', ns)
  }, 60_000)

  test('guests of one network meet across hosts, with its tag on the wire and none for a flat one', async () => {
    const macs = (g: Guest) => g.mac.replaceAll(':', '')
    const red = await onWire(macs(red2), async () => expect(await first.pings(red1.ns, red2.ip)).toBe(true))
    expect([red.length > 3, new Set(red)]).toEqual([true, new Set(['101'])])
    const plain = await onWire(macs(plain2), async () => expect(await first.pings(plain1.ns, plain2.ip)).toBe(true))
    expect([plain.length > 3, new Set(plain)]).toEqual([true, new Set(['-'])])
    expect(await first.pings(plain1.ns, '10.100.0.200')).toBe(true)
    // Full frames, and what hosts pass along in large segments.
    expect(await first.in(red1.ns, 'ping', '-c', '2', '-i', '0.3', '-W', '1', '-M', 'do', '-s', '1472', red2.ip)).toBeDefined()
    const sink = second.start(red2.ns, process.execPath, '-e', `let n = 0; require('net').createServer((s) => s.on('data', (d) => { n += d.length }).on('end', () => { console.log('got ' + n); s.end() })).listen(7000, () => console.log('up'))`)
    await until('sink', () => sink.text().includes('up'))
    expect(await first.in(red1.ns, process.execPath, '-e', `const s = require('net').connect(7000, '${red2.ip}'); s.end(Buffer.alloc(20e6)); s.resume().on('close', () => process.exit(0))`)).toBeDefined()
    await until('all of it', () => sink.text().includes('got 20000000'))
  })

  test('rules hold for what comes by the wire', async () => {
    await first.serve(red1.ns, 80)
    expect(await second.call(red2.ns, red1.ip, 80)).toBeUndefined()
    await first.apply((d) => { d.ports.find((p) => p.id === red1.port.id)!.security!.ingress = [ping, { family: 4, protocol: 6, min: 80, max: 80 }] })
    expect(await second.call(red2.ns, red1.ip, 80)).toBe(`from ::ffff:${red2.ip}`)
    // Nobody leaves under another's name.
    const sign = mark()
    expect(await onWire(sign, () => first.send(red1, ether(all, red2.mac, '0800', packet4(red2.ip, '10.101.0.255', 17, udp(1, 2, sign))), ether(all, red1.mac, '0800', packet4('10.101.0.99', '10.101.0.255', 17, udp(1, 2, sign)))))).toEqual([])
  })

  test('each hears its own network and no other, by the wire as between guests', async () => {
    expect(await heard([red2, blue2, plain2, openPlain, street2], (sign) => first.send(openRed, shout(openRed.mac, sign)))).toEqual([1, 0, 0, 0, 0])
    const out = (...tags: number[]) => (sign: string) => say(inNs(world, 'eth0'), shout(worldMac(), sign, tags))
    // Its own tag, none, one that is no network of this host's, and one behind another.
    expect(await Promise.all([heard([openRed, openPlain], out(101)), heard([openRed, openPlain], out()), heard([openRed, openPlain], out(103)), heard([openRed, blue2, openPlain], out(101, 102))]))
      .toEqual([[1, 0], [0, 1], [0, 0], [0, 0, 0]])
  })

  test('a tag of a guest leads into no other network, whoever lets everything pass', async () => {
    const said = [
      ...([[openPlain, [101]], [openPlain, [101, 102]], [openRed, [102]], [openRed, [101]], [red1, [102]]] as const).map(([g, tags]) => [g, (sign: string) => shout(g.mac, sign, [...tags])] as const),
      [openPlain, (sign: string) => shout(openPlain.mac, sign).replace('0800', '88a800650800')],
      // Nor does a guest speak with the switch as a switch.
      [openPlain, (sign: string) => `0180c2000000${openPlain.mac.replaceAll(':', '')}0026424203${sign}${'00'.repeat(30)}`],
      [openPlain, (sign: string) => shout(openPlain.mac, sign)],
    ] as const
    expect(await Promise.all(said.map(([g, frame]) => { const sign = mark(); return onWire(sign, () => first.send(g, frame(sign)), 'p1', middle, 4) }))).toEqual([...Array(7).fill([]), ['-']])
  })

  test('DHCP and metadata are each host\'s own: asked and answered here, unheard on the wire', async () => {
    const asker = second.guest('asker', there.red, '10.101.0.21', { security: free }, false)
    await second.apply()
    const own = dhcpMac.replaceAll(':', '')
    let told: Record<string, string> | undefined
    expect(await onWire('00440043', async () => { told = await second.lease(asker) }, 'p2')).toEqual([])
    expect(told).toMatchObject({ ip: '10.101.0.21', serverid: '10.101.0.3', mtu: '1500' })
    expect(await onWire(own, async () => { await second.in(asker.ns, 'ping', '-c', '1', '-W', '1', '10.101.0.3'); await second.in(asker.ns, 'ping', '-c', '1', '-W', '1', '10.101.0.2') }, 'p2')).toEqual([])
    expect(await second.in(asker.ns, 'busybox', 'timeout', '5', 'busybox', 'wget', '-q', '-O', '-', 'http://169.254.169.254/latest/meta-data/hostname')).toBeDefined()
    // A server out there is not heard where the network has its own.
    const server = (offer: string) => say(inNs(world, 'eth0'), `${'ff'.repeat(6)}${worldMac().replaceAll(':', '')}${tag(101)}0800${packet4('10.101.0.66', '255.255.255.255', 17, udp(67, 68, offer))}`)
    expect(await heard([openRed], server)).toEqual([0])
  })

  test('where a network has no DHCP of the cloud\'s, guests ask whoever is out there', async () => {
    const ask = mark(), frame = (from: string, tags: string, sport: number, dport: number, sign: string, source: string) => `${'ff'.repeat(6)}${from.replaceAll(':', '')}${tags}0800${packet4(source, '255.255.255.255', 17, udp(sport, dport, sign))}`
    expect(await onWire(ask, () => second.send(street2, frame(street2.mac, '', 68, 67, ask, '0.0.0.0')), 'p2')).toEqual(['200'])
    expect(await heard([street2], (offer) => say(inNs(world, 'eth0'), frame(worldMac(), tag(200), 67, 68, offer, '203.0.113.66')))).toEqual([1])
  })

  test('where a guest has moved to is said for it by its emulator, with its own MAC only', async () => {
    const rarp = (mac: string) => `${'ff'.repeat(6)}${mac.replaceAll(':', '')}80350001080006040003${mac.replaceAll(':', '')}00000000${mac.replaceAll(':', '')}00000000${'00'.repeat(18)}`
    expect(await onWire('803500010800060400', () => first.send(red1, rarp(red1.mac), rarp(red2.mac)))).toEqual(['101'])
  })

  test('a router with its gateway on one VLAN and an interface on another; when it moves, one falls silent and the other answers', async () => {
    const legMac = 'fa:16:3e:aa:03:02'
    const router = (n: typeof here, taken: boolean) => ({ id: uuid('provider router'), taken, external: { network: n.street.id, mac: 'fa:16:3e:aa:03:01', addresses: [{ address: '203.0.113.10', prefix: 24 }], gateways: ['203.0.113.1'], snat: true },
      interfaces: [{ port: uuid('provider leg'), network: n.red.id, mac: legMac, addresses: [{ address: '10.101.0.1', prefix: 24 }] }],
      floating: [{ id: uuid('provider floating'), address: '203.0.113.77', fixed: red1.ip }], routes: [] })
    await first.apply((d) => { d.routers = [router(here, false)] })
    // From the other host, through the router here, to the outside and in again by the floating address.
    expect(await second.pings(red2.ns, '203.0.113.1')).toBe(true)
    expect(await second.pings(street2.ns, '203.0.113.77')).toBe(true)
    const asks = first.start(red1.ns, 'ping', '-i', '0.2', '-W', '1', '203.0.113.1')
    await until('answers', () => asks.text().split('bytes from').length > 4)
    // Who had it is told nothing: it has to notice, for the inside as for the outside.
    await second.apply((d) => { d.routers = [router(there, true)] })
    await until('it was noticed', () => run('ip', 'netns', 'exec', m1, 'nft', 'list', 'set', 'bridge', 'virga_7e7a', 'fenced').includes(legMac))
    const before = asks.text().split('bytes from').length
    await until('answers again', () => asks.text().split('bytes from').length > before + 10, 20)
    const leg = await onWire(legMac.replaceAll(':', ''), async () => { run('ip', '-n', red1.ns, 'neigh', 'flush', 'dev', 'eth0'); await first.in(red1.ns, 'ping', '-c', '2', '-i', '0.3', '10.101.0.1') }, 'p2')
    expect(leg.length).toBeGreaterThan(1)
    expect(await first.pings(red1.ns, '203.0.113.1')).toBe(true)
    asks.child.kill()
    await first.apply((d) => { d.routers = [] })
    expect(await first.pings(red1.ns, '203.0.113.1')).toBe(true)
    await second.apply((d) => { d.routers = [] })
  })

  test('a driver that starts anew finds all as it should be, and nothing is lost meanwhile', async () => {
    const asks = first.start(red1.ns, 'ping', '-i', '0.1', '-W', '1', red2.ip), heard = () => [...asks.text().matchAll(/bytes from .* icmp_seq=(\d+) /g)].map((m) => Number(m[1]))
    await until('answers', () => heard().length > 3)
    await first.net.close()
    await first.open()
    await first.apply()
    await first.apply()
    const then = heard().length
    await until('more of them', () => heard().length > then + 4)
    asks.child.kill('SIGINT')
    // All up to the last that was answered: another may have been on its way.
    expect(heard()).toEqual(heard().map((_, i) => i + 1))
    expect(await first.net.problems()).toEqual([])
  })

  test('a device that is missing, taken or the host\'s own is named, and its ports are not shown as up', async () => {
    const [a, b, c] = [['lost', 'nowhere'], ['late', 'physnet2'], ['mine', 'physnet3']].map(([name, network]) => made(second, name!, '10.110.0.0/24', undefined, { physical: { network: network! } }))
    await second.net.close()
    second.options.physical = { ...options.physical, physnet2: 'late0', physnet3: 'mine0' }
    run('ip', '-n', m2, 'link', 'add', 'mine0', 'type', 'veth', 'peer', 'name', 'mine1')
    run('ip', '-n', m2, 'addr', 'add', '192.0.2.1/24', 'dev', 'mine0')
    const guest = second.guest('latecomer', b!, '10.110.0.5', { security: free })
    await second.open()
    await second.apply()
    const said = (id: string) => expect.stringContaining(id)
    expect(await second.net.problems()).toEqual([said(`${a!.id} is not carried: this host leads to no physical network nowhere`), said(`${b!.id} is not carried: device late0 is not there`), said(`${c!.id} is not carried: device mine0 has addresses of the host, which it would lose (192.0.2.1)`)])
    expect(await second.net.ports()).not.toContain(guest.port.id)
    expect(await second.net.ports()).toContain(red2.port.id)
    run('ip', '-n', middle, 'link', 'add', 'pl', 'type', 'veth', 'peer', 'name', 'late0', 'netns', m2)
    await second.apply()
    expect(await second.net.ports()).toContain(guest.port.id)
    expect(await second.pings(red2.ns, red1.ip)).toBe(true)
    await second.apply((d) => { d.networks = d.networks.filter((n) => ![a, b, c].includes(n)); d.ports = d.ports.filter((p) => p.id !== guest.port.id) })
    expect(await second.net.problems()).toEqual([])
  })

  test('what goes gives the device back as it was; the host can use it beside VLANs', async () => {
    const n = names('7e7a'), link = () => (JSON.parse(run('ip', '-n', m1, '-d', '-j', 'link', 'show', 'dev', 'data0')) as { master?: string; flags: string[] }[])[0]!
    const filters = () => run('tc', '-n', m1, 'filter', 'show', 'dev', 'data0', 'ingress').trim()
    expect([link().master, link().flags.includes('PROMISC'), filters() !== '']).toEqual([n.bridge(here.plain.id), true, true])
    await first.apply((d) => { d.networks = d.networks.filter((x) => x !== here.plain); d.ports = d.ports.filter((p) => p.network !== here.plain.id) })
    expect([link().master, link().flags.includes('PROMISC')]).toEqual([undefined, true])
    run('ip', '-n', m1, 'addr', 'add', '10.100.0.1/24', 'dev', 'data0')
    expect([await first.pings(m1, '10.100.0.200'), await first.pings(red1.ns, red2.ip)]).toEqual([true, true])
    await first.apply((d) => { d.networks = []; d.ports = [] })
    expect([link().flags.includes('PROMISC'), filters()]).toEqual([false, ''])
    // Also what a driver has left that was not told of the device again.
    await first.apply((d) => { d.networks = [here.red] })
    expect([link().flags.includes('PROMISC'), filters() !== '']).toEqual([true, true])
    await first.net.close()
    first.options.physical = {}
    await first.open()
    await first.apply((d) => { d.networks = [] })
    expect([link().flags.includes('PROMISC'), filters()]).toEqual([false, ''])
    expect(run('ip', '-n', m1, '-j', 'link', 'show').match(/v7e7a[wy]/g)).toBeNull()
  })
})
