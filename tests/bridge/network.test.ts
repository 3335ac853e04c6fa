import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filters, sift } from '../../bridge/network/filters.ts'
import { names } from '../../bridge/network/names.ts'
import { plan } from '../../bridge/network/plan.ts'
import { tunnels } from '../../bridge/network/tunnels.ts'
import { anything, arp, ether, Lab, packet4, packet6, ping, run, tcp, udp, unable, until, type Guest, type Network } from './lab.ts'

const why = unable()
const all = 'ff:ff:ff:ff:ff:ff'
const settle = (ms: number) => new Promise((r) => setTimeout(r, ms))

describe.skipIf(why)(`the network of a host${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const lab = new Lab('7e51', { externalCidr: '172.31.241.0/24', readySeconds: 1 })
  let a: Network, b: Network, outside: Network
  let one: Guest, two: Guest, three: Guest, hostile: Guest, open: Guest, twin: Guest
  let world: string
  const rules = (g: Guest, ingress: Parameters<typeof Object.assign>[0][], egress = anything) => lab.apply((d) => { Object.assign(d.ports.find((p) => p.id === g.port.id)!.security!, { ingress, egress }) })

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.9.0.0/24')
    b = lab.network('b', '10.9.0.0/24')
    outside = lab.network('out', '172.31.241.0/24', { external: true, mtu: 1500, dhcp: undefined })
    one = lab.guest('one', a, '10.9.0.11', {}, false)
    two = lab.guest('two', a, '10.9.0.12', { security: { ingress: [ping, tcp(80)], egress: anything, pairs: [] } })
    three = lab.guest('three', a, '10.9.0.13')
    hostile = lab.guest('hostile', a, '10.9.0.66')
    open = lab.guest('open', a, '10.9.0.77', { security: undefined })
    twin = lab.guest('twin', b, '10.9.0.12')
    lab.document.routers.push({
      id: lab.id('router'), external: { network: outside.id, mac: 'fa:16:3e:aa:00:01', addresses: [{ address: '172.31.241.10', prefix: 24 }], gateways: ['172.31.241.1'], snat: true },
      interfaces: [{ port: lab.id('router a'), network: a.id, mac: 'fa:16:3e:aa:00:02', addresses: [{ address: '10.9.0.1', prefix: 24 }] }], floating: [], routes: [],
    })
    await lab.apply()
    world = lab.space('world')
    lab.plug(world, 'v7e51ext')
    run('ip', '-n', world, 'addr', 'add', '172.31.241.200/24', 'dev', 'eth0')
  }, 60_000)
  afterAll(() => lab.close(), 60_000)

  test('a port is ready once it is applied, and says so by its id', async () => {
    await lab.net.ready([{ port: one.port.id, network: a.id, mac: one.mac, mtu: 1450, model: 'virtio' }])
    expect((await lab.net.ports()).sort()).toEqual(lab.document.ports.map((p) => p.id).sort())
    expect(lab.net.problems()).toEqual([])
  })

  test('a port nobody told of is waited for, then named', async () => {
    const nic = { port: lab.id('stranger'), network: a.id, mac: one.mac, mtu: 1450, model: 'virtio' as const }
    await expect(lab.net.ready([nic])).rejects.toThrow(nic.port)
    const waiting = lab.net.ready([nic])
    lab.port('stranger', a, '10.9.0.201')
    await lab.apply()
    await waiting
    await lab.apply((d) => { d.ports = d.ports.filter((p) => p.id !== nic.port) })
    expect(run('ip', 'link')).not.toContain(lab.net.tap(nic.port))
  })

  test('a guest gets its address, routes and MTU by DHCP', async () => {
    const told = (await lab.lease(one))!
    expect(told).toMatchObject({ ip: '10.9.0.11', mask: '24', mtu: '1450', hostname: 'one', domain: 'example.org', dns: '10.9.0.2', lease: '86400' })
    expect(told.staticroutes).toContain('169.254.169.254/32 10.9.0.2')
    expect(told.staticroutes).toContain('0.0.0.0/0 10.9.0.1')
  })
  test('the network knows its ports by name', async () => {
    expect(await lab.in(one.ns, 'busybox', 'nslookup', 'two.example.org', '10.9.0.2')).toContain('10.9.0.12')
  })
  const asks = (g: Guest, ...more: string[]) => lab.in(g.ns, 'busybox', 'wget', '-q', '-O', '-', ...more, 'http://169.254.169.254/openstack/latest/meta_data.json')
  const identity = async (g: Guest, ...more: string[]) => JSON.parse(await asks(g, ...more) ?? '{}').uuid
  test('metadata is each guest\'s own, whatever it claims', async () => {
    expect(await identity(one)).toBe(one.port.server)
    expect(await identity(one, '--header', 'X-Forwarded-For: 10.9.0.12', '--header', `X-Instance-ID: ${two.port.server}`)).toBe(one.port.server)
    // Through the router: these have no route to the DHCP address.
    expect(await identity(two)).toBe(two.port.server)
  })
  test('what a guest signals to a stack reaches the cloud through metadata, and nothing else does', async () => {
    const posts = (path: string, body: string) => lab.in(one.ns, 'busybox', 'wget', '-q', '-O', '-', '--header', 'Content-Type: application/json', '--post-data', body, `http://169.254.169.254${path}`)
    const path = `/orchestration/v1/${'a'.repeat(32)}/signals/${one.port.server}/${two.port.server}?Expires=1&Signature=x-_`
    expect(await posts(path, '{"status":"SUCCESS"}')).toBe('{"heard":true}')
    for (const other of ['/identity/v3/auth/tokens', '/orchestration/v1/p/stacks', path.replace('?', '/..%2f..?'), path.replace('/signals/', '/stacks/'), `/x${path}`]) expect(await posts(other, '{}') ?? '', other).toBe('')
    expect(await posts(path, 'x'.repeat(70_000)) ?? '').toBe('')
    expect(lab.relayed).toEqual([{ method: 'POST', path, type: 'application/json', body: '{"status":"SUCCESS"}' }])
  })
  test('metadata is not told to a neighbour that takes the address, port security or not', async () => {
    for (const thief of [hostile, open]) {
      run('ip', '-n', thief.ns, 'addr', 'add', '10.9.0.12/32', 'dev', 'eth0')
      run('ip', '-n', thief.ns, 'route', 'replace', '169.254.169.254/32', 'via', '10.9.0.2', 'src', '10.9.0.12')
      const ear = await asks(thief)
      run('ip', '-n', thief.ns, 'route', 'del', '169.254.169.254/32')
      run('ip', '-n', thief.ns, 'addr', 'del', '10.9.0.12/32', 'dev', 'eth0')
      expect(ear).toBeUndefined()
    }
    expect(await identity(open)).toBe(open.port.server)
  })
  test('only what a rule names comes in, and answers come back', async () => {
    await lab.serve(two.ns, 80)
    await lab.serve(two.ns, 81)
    expect(await lab.pings(one.ns, two.ip)).toBe(true)
    expect(await lab.call(one.ns, two.ip, 80)).toContain('10.9.0.11')
    expect(await lab.call(one.ns, two.ip, 81)).toBeUndefined()
    await lab.serve(one.ns, 80)
    expect(await lab.call(two.ns, one.ip, 80)).toBeUndefined()
    expect(await lab.call(two.ns, open.ip, 80)).toBeUndefined()
    await lab.serve(open.ns, 80)
    expect(await lab.call(two.ns, open.ip, 80)).toContain('10.9.0.12')
  })
  test('egress rules hold the sender back', async () => {
    await rules(three, [ping], [{ family: 4, protocol: 17 }])
    expect(await lab.call(three.ns, two.ip, 80)).toBeUndefined()
    expect(await lab.pings(three.ns, two.ip)).toBe(false)
    expect(await lab.pings(two.ns, three.ip)).toBe(true)
    await rules(three, [ping])
    expect(await lab.call(three.ns, two.ip, 80)).toContain('10.9.0.13')
  })
  test('a rule for a group lets in its members and nobody else', async () => {
    await rules(two, [tcp(80, ['10.9.0.11/32', '10.9.0.99'])])
    expect(await lab.call(one.ns, two.ip, 80)).toBeDefined()
    expect(await lab.call(three.ns, two.ip, 80)).toBeUndefined()
    await rules(two, [tcp(80, Array.from({ length: 300 }, (_, i) => `10.9.${i >> 8}.${i & 255}/32`).concat('10.9.0.0/28'))])
    expect(await lab.call(one.ns, two.ip, 80)).toBeDefined()
    await rules(two, [tcp(80, [])])
    expect(await lab.call(one.ns, two.ip, 80)).toBeUndefined()
  })
  test('a rule taken away stops what it had let in, and leaves the rest', async () => {
    await rules(two, [tcp(80), tcp(81)])
    const ticking = (port: number) => lab.flow(one.ns, two.ip, port)
    const doomed = ticking(80), spared = ticking(81)
    await until('both flow', () => [doomed, spared].every((c) => c.text().split('tick').length > 3))
    await rules(two, [tcp(81)])
    const at = [doomed, spared].map((c) => c.text().length)
    await settle(2500)
    expect(doomed.text().length).toBe(at[0])
    expect(spared.text().length).toBeGreaterThan(at[1]! + 25)
    await rules(two, [ping, tcp(80)])
  })

  test('ICMP types and codes, ranges, and protocols by number', async () => {
    await rules(two, [{ family: 4, protocol: 1, min: 8, max: 0 }, { family: 4, protocol: 6, min: 70, max: 90 }, { family: 4, protocol: 47 }])
    expect(await lab.pings(one.ns, two.ip)).toBe(true)
    expect(await lab.call(one.ns, two.ip, 80)).toBeDefined()
    const ear = lab.hears(two, 2, 'cafe0047')
    await ear.ready
    await lab.send(one, ether(two.mac, one.mac, '0800', packet4(one.ip, two.ip, 47, '00000000cafe0047')), ether(two.mac, one.mac, '0800', packet4(one.ip, two.ip, 50, '00000000cafe0047')))
    expect(await ear.count()).toBe(1)
    await rules(two, [{ family: 4, protocol: 1, min: 13 }])
    expect(await lab.pings(one.ns, two.ip)).toBe(false)
    await rules(two, [ping, tcp(80)])
  })
  test('one bad rule is named and left out; the others hold', async () => {
    await rules(two, [
      { family: 4, protocol: 51, min: 80, max: 80 }, { family: 4, protocol: 6, min: 90, max: 10 }, { family: 4, protocol: 6, min: 81, max: 81, remotes: ['10.9.0.0/33'] },
      { family: 6, protocol: 1, min: 8 }, { family: 4, protocol: 1, min: 300 }, tcp(80),
    ])
    expect(await lab.call(one.ns, two.ip, 80)).toBeDefined()
    expect(await lab.call(one.ns, two.ip, 81)).toBeUndefined()
    expect(lab.net.problems()).toHaveLength(5)
    expect(lab.net.problems()[0]).toContain(two.port.id)
    await rules(two, [ping, tcp(80)])
    expect(lab.net.problems()).toEqual([])
  })

  test('a rule the kernel refuses for reasons of its own is found and left out', async () => {
    const n = names('7e51'), made = filters(plan(lab.document, n), n, tunnels(n, undefined), [])
    const [name, chain] = [...made.table.chains].find(([n, c]) => n.startsWith('i_') && c.rules.length > 2)!
    chain.rules.splice(1, 0, [{ match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: 'not an address' } }, { accept: null }])
    const count = chain.rules.length, problems: string[] = []
    await sift(made.table, problems)
    expect(problems).toEqual([expect.stringContaining('not an address')])
    expect(made.table.chains.get(name)!.rules).toHaveLength(count - 1)
  })

  describe('a hostile guest', () => {
    const mark = 'deadbeef0badcafe'
    const heard = async (listener: Guest, from: Guest, ...frames: string[]) => {
      const ear = lab.hears(listener, 1.5, mark)
      await ear.ready
      await lab.send(from, ...frames)
      return ear.count()
    }
    const hello = (from: string, mac = hostile.mac) => ether(two.mac, mac, '0800', packet4(from, two.ip, 17, udp(1000, 80, mark)))
    const six = { own: '', victim: 'fe80000000000000f8163efffe000001', all: 'ff020000000000000000000000000001' }
    beforeAll(async () => {
      const m = hostile.mac.split(':')
      six.own = `fe80000000000000f816${m[2]}fffe${m[3]}${m[4]}${m[5]}`
      await rules(two, anything)
    })

    test('is heard when it speaks for itself', async () => { expect(await heard(two, hostile, hello(hostile.ip))).toBe(1) })
    test('not with another MAC', async () => { expect(await heard(two, hostile, hello(hostile.ip, one.mac), hello(one.ip, one.mac))).toBe(0) })
    test('not with another IPv4 address', async () => { expect(await heard(two, hostile, hello(one.ip), hello('8.8.8.8'))).toBe(0) })
    test('not inside a VLAN tag', async () => {
      expect(await heard(two, hostile, ether(two.mac, hostile.mac, '8100', `00000800${packet4(one.ip, two.ip, 17, udp(1, 2, mark))}`), ether(two.mac, hostile.mac, '88b5', mark))).toBe(0)
    })
    test('not with ARP for another', async () => {
      expect(await heard(two, hostile, ether(two.mac, hostile.mac, '0806', arp(2, hostile.mac, hostile.ip, two.ip) + mark))).toBe(1)
      expect(await heard(two, hostile, ether(all, hostile.mac, '0806', arp(2, hostile.mac, '10.9.0.1', two.ip) + mark), ether(two.mac, hostile.mac, '0806', arp(2, one.mac, hostile.ip, two.ip) + mark),
        ether(two.mac, hostile.mac, '0806', arp(1, hostile.mac, one.ip, two.ip) + mark))).toBe(0)
    })
    test('not as a DHCP server', async () => {
      expect(await heard(two, hostile, ether(all, hostile.mac, '0800', packet4(hostile.ip, '255.255.255.255', 17, udp(67, 68, mark))), ether(two.mac, hostile.mac, '0800', packet4(hostile.ip, two.ip, 17, udp(67, 68, mark))))).toBe(0)
    })
    const advert = (from: string, type: string) => ether('33:33:00:00:00:01', hostile.mac, '86dd', packet6(from, six.all, `${type}000000400000000000000000000000${mark}`))
    test('not as an IPv6 router, nor with redirects', async () => {
      expect(await heard(two, hostile, advert(six.own, '8600'), advert(six.own, '8900'))).toBe(0)
    })
    test('not in fragments of a router advertisement', async () => {
      const piece = (next: string, offset: string, body: string) => ether('33:33:00:00:00:01', hostile.mac, '86dd',
        `60000000${((16 + body.length) / 2).toString(16).padStart(4, '0')}2cff${six.own}${six.all}${next}00${offset}0000beef${body}`)
      // Linux takes no first fragment below 1280 bytes.
      const split = (type: string) => {
        const message = packet6(six.own, six.all, `${type}00000040000708${'00'.repeat(1232)}${mark}`).slice(80)
        return [piece('3a', '0001', message.slice(0, 2480)), piece('3a', '04d8', message.slice(2480))]
      }
      expect(await heard(two, hostile, ...split('80')), 'an echo request in fragments').toBe(1)
      expect(await heard(two, hostile, ...split('86'))).toBe(0)
      // Options first, so that the type is in the second fragment only.
      const hidden = packet6(six.own, six.all, `860000004000070800000000000000${mark}00`).slice(80)
      expect(await heard(two, hostile, piece('3c', '0001', `3a9a${'00'.repeat(1238)}`), piece('3c', '04d8', hidden))).toBe(0)
    })
    const neighbour = (source: string, target: string) => ether('33:33:00:00:00:01', hostile.mac, '86dd', packet6(source, six.all, `8800000020000000${target}${mark}`))
    test('not with neighbour advertisements for another', async () => {
      expect(await heard(two, hostile, neighbour(six.own, six.own))).toBe(1)
      expect(await heard(two, hostile, neighbour(six.own, six.victim), neighbour(six.victim, six.victim))).toBe(0)
    })
    test('not to frames meant for others', async () => {
      const seen = lab.hears(hostile, 1.5, mark)
      await seen.ready
      await lab.send(two, ether('fa:16:3e:00:99:99', two.mac, '0800', packet4(two.ip, '10.9.0.99', 17, udp(1, 2, mark))))
      expect(await seen.count()).toBe(0)
    })
    test('with an allowed pair, for that address and no other', async () => {
      const pairs = (list: { mac: string; cidr: string }[]) => lab.apply((d) => { d.ports.find((p) => p.id === hostile.port.id)!.security!.pairs = list })
      await pairs([{ mac: '02:00:00:00:00:07', cidr: '10.9.0.64/29' }, { mac: hostile.mac, cidr: 'fd00:5::/64' }])
      expect(await heard(two, hostile, hello('10.9.0.67', '02:00:00:00:00:07'))).toBe(1)
      expect(await heard(two, hostile, ether(two.mac, '02:00:00:00:00:07', '0806', arp(2, '02:00:00:00:00:07', '10.9.0.67', two.ip) + mark))).toBe(1)
      expect(await heard(two, hostile, neighbour(six.own, 'fd000005000000000000000000000009'))).toBe(1)
      expect(await heard(two, hostile, hello('10.9.0.72', '02:00:00:00:00:07'), hello('10.9.0.67'), neighbour(six.own, 'fd000005000000010000000000000009'))).toBe(0)
      await pairs([])
      expect(await heard(two, hostile, hello('10.9.0.67', '02:00:00:00:00:07'))).toBe(0)
    })
    test('does not reach the host through its own network', async () => {
      const hostMac = JSON.parse(run('ip', '-j', 'link', 'show', 'dev', `v7e51b${a.id.replaceAll('-', '').slice(0, 9)}`))[0].address as string
      run('ip', '-n', open.ns, 'neigh', 'replace', '10.9.0.250', 'lladdr', hostMac, 'dev', 'eth0')
      run('ip', '-n', open.ns, 'route', 'replace', '127.0.0.0/8', 'via', '10.9.0.250')
      for (const address of [...hostAddresses(), '172.31.241.1']) {
        run('ip', '-n', open.ns, 'route', 'replace', address, 'via', '10.9.0.250')
        expect(await lab.pings(open.ns, address), address).toBe(false)
        run('ip', '-n', open.ns, 'route', 'del', address)
      }
    })
    test('anything goes once port security is off', async () => {
      expect(await heard(two, open, ether(two.mac, one.mac, '0800', packet4('8.8.8.8', two.ip, 17, udp(67, 68, mark))))).toBe(1)
      await rules(two, [ping, tcp(80)])
    })
  })

  describe('through the router', () => {
    test('guests appear outside as the router', async () => {
      await lab.serve(world, 90)
      expect(await lab.call(one.ns, '172.31.241.200', 90)).toContain('172.31.241.10')
      expect(await lab.pings(one.ns, '172.31.241.1')).toBe(true)
    })
    test('nobody outside can enter by routing to the guests\' addresses', async () => {
      run('ip', '-n', world, 'route', 'add', '10.9.0.0/24', 'via', '172.31.241.10')
      expect(await lab.pings(world, two.ip)).toBe(false)
    })
    test('a floating address leads in and out, for the host too, and ends when it leaves', async () => {
      await lab.apply((d) => { d.routers[0]!.floating.push({ id: lab.id('f'), address: '172.31.241.50', fixed: two.ip }) })
      expect(await lab.call(world, '172.31.241.50', 80) ?? '').toContain('172.31.241.200')
      expect(await lab.call('', '172.31.241.50', 80)).toContain('172.31.241.1')
      expect(await lab.call(two.ns, '172.31.241.200', 90)).toContain('172.31.241.50')
      expect(await lab.call(one.ns, '172.31.241.50', 80), 'from a neighbour').toBeDefined()
      const flow = lab.flow(world, '172.31.241.50', 80)
      await until('it flows', () => flow.text().split('tick').length > 3)
      await lab.apply((d) => { d.routers[0]!.floating = [] })
      const at = flow.text().length
      await settle(1500)
      expect(flow.text().length).toBe(at)
      expect(await lab.call(world, '172.31.241.50', 80)).toBeUndefined()
    })
    test('an address that moves is announced', async () => {
      await lab.apply((d) => { d.routers[0]!.floating.push({ id: lab.id('f'), address: '172.31.241.51', fixed: two.ip }) })
      expect(await lab.pings(world, '172.31.241.51')).toBe(true)
      run('ip', '-n', world, 'neigh', 'replace', '172.31.241.52', 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'stale')
      await lab.apply((d) => { d.routers[0]!.floating.push({ id: lab.id('f2'), address: '172.31.241.52', fixed: one.ip }) })
      await until('the neighbour learned', () => run('ip', '-n', world, 'neigh', 'show', '172.31.241.52').includes('fa:16:3e:aa:00:01'), 5)
      await lab.apply((d) => { d.routers[0]!.floating = [] })
    })
    test('link-local addresses and the host\'s other ones are not forwarded', async () => {
      for (const address of ['169.254.169.253', '169.254.1.1', ...hostAddresses()]) expect(await lab.pings(one.ns, address), address).toBe(false)
    })
    test('the metadata port of the router is closed to the outside', async () => {
      expect(await lab.in(world, 'busybox', 'wget', '-q', '-O', '-', 'http://172.31.241.10:9697/')).toBeUndefined()
      expect(await lab.call(two.ns, '10.9.0.1', 9697)).toBeUndefined()
    })
    test('a static route that cannot be is named and harms nothing', async () => {
      await lab.apply((d) => { d.routers[0]!.routes = [{ destination: '10.77.0.0/16', nexthop: '192.168.3.4' }, { destination: '10.78.0.0/16', nexthop: two.ip }, { destination: '169.254.169.254/32', nexthop: two.ip }] })
      expect(lab.net.problems()).toHaveLength(2)
      expect(run('ip', '-n', `v7e51r-${lab.id('router').replaceAll('-', '').slice(0, 9)}`, 'route')).toContain(`10.78.0.0/16 via ${two.ip}`)
      await lab.apply((d) => { d.routers[0]!.routes = [] })
    })
  })

  test('two networks with the same addresses never meet', async () => {
    expect(await lab.pings(twin.ns, one.ip)).toBe(false)
    expect(await lab.call(twin.ns, two.ip, 80)).toBeUndefined()
    expect(await identity(two)).toBe(two.port.server)
    run('ip', '-n', twin.ns, 'route', 'add', '169.254.169.254', 'via', '10.9.0.2')
    expect(await identity(twin)).toBe(twin.port.server)
  })

  test('hostile DHCP options and names are refused alone', async () => {
    await lab.apply((d) => {
      const p = d.ports.find((x) => x.id === one.port.id)!
      p.dhcpOptions = [
        { code: 67, value: 'x\ndhcp-option=3,6.6.6.6', family: 4 }, { code: 6, value: '8.8.8.8,option:router', family: 4 }, { code: 54, value: '6.6.6.6', family: 4 },
        { code: 66, value: 'boot,"x', family: 4 }, { code: 26, value: '1', family: 4 },
        { code: 67, value: 'pxe/boot file.0', family: 4 }, { code: 42, value: '10.9.0.5, 10.9.0.6', family: 4 }, { code: 26, value: '1400', family: 4 },
      ]
      d.elsewhere.push({ id: lab.id('far'), network: a.id, mac: 'fa:16:3e:00:77:77', addresses: [{ subnet: a.subnets[0]!.id, address: '10.9.0.140' }], hostname: 'x\n6.6.6.6 evil' })
      d.networks.find((n) => n.id === b.id)!.dnsDomain = 'b\ndhcp-script=/bin/sh'
    })
    expect(lab.net.problems()).toHaveLength(7)
    const told = (await lab.lease(one))!
    expect(told).toMatchObject({ ip: '10.9.0.11', mtu: '1400', ntpsrv: '10.9.0.5 10.9.0.6', serverid: '10.9.0.2', router: '10.9.0.1', dns: '10.9.0.2' })
    expect(told.boot_file ?? told.bootfile).toBe('pxe/boot file.0')
    expect(await lab.in(one.ns, 'busybox', 'nslookup', 'host-10-9-0-140.example.org', '10.9.0.2')).toContain('10.9.0.140')
    expect(await lab.in(one.ns, 'busybox', 'nslookup', 'evil', '10.9.0.2') ?? '').not.toContain('6.6.6.6')
    await lab.apply((d) => { d.ports.find((x) => x.id === one.port.id)!.dhcpOptions = []; d.elsewhere = []; d.networks.find((n) => n.id === b.id)!.dnsDomain = '' })
  })
  test('names that mean something to dnsmasq are names here', async () => {
    for (const hostname of ['ignore', '12h', 'infinite']) {
      await lab.apply((d) => { d.ports.find((x) => x.id === one.port.id)!.hostname = hostname })
      expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11', lease: '86400', hostname })
    }
    await lab.apply((d) => { d.ports.find((x) => x.id === one.port.id)!.hostname = 'one' })
  })
  test('an address that passes to another guest is leased to it at once', async () => {
    await lab.apply((d) => {
      d.ports.find((x) => x.id === one.port.id)!.addresses[0]!.address = '10.9.0.111'
      d.ports.find((x) => x.id === three.port.id)!.addresses[0]!.address = '10.9.0.11'
    })
    expect(await lab.lease(three)).toMatchObject({ ip: '10.9.0.11' })
    expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.111' })
    await lab.apply((d) => {
      d.ports.find((x) => x.id === one.port.id)!.addresses[0]!.address = '10.9.0.11'
      d.ports.find((x) => x.id === three.port.id)!.addresses[0]!.address = '10.9.0.13'
    })
    expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11' })
    expect(await lab.lease(three)).toMatchObject({ ip: '10.9.0.13' })
  })
  test('dnsmasq that dies is started again by itself', async () => {
    const pid = Number(readFileSync(`/run/virga/7e51/d-${a.id}/pid`, 'utf8'))
    process.kill(pid, 'SIGKILL')
    await until('another one', () => { try { const now = Number(readFileSync(`/run/virga/7e51/d-${a.id}/pid`, 'utf8')); return now !== pid && readFileSync(`/proc/${now}/comm`, 'utf8') === 'dnsmasq\n' } catch { return false } })
    expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11' })
  })

  const look = () => [run('nft', '-a', 'list', 'table', 'bridge', 'virga_7e51'), run('nft', '-a', 'list', 'table', 'inet', 'virga_7e51'), run('ip', '-d', 'link').split('\n').filter((l) => l.includes('v7e51')).join('\n'),
    run('ip', 'netns').split('\n').filter((l) => l.startsWith('v7e51')).sort().join(), ...[a, b].map((n) => readFileSync(`/run/virga/7e51/d-${n.id}/pid`, 'utf8'))]
  test('the same document again, and a restart, write nothing', async () => {
    const flow = lab.flow(one.ns, two.ip, 80)
    await until('it flows', () => flow.text().includes('tick'))
    const before = look()
    const watch = [lab.start('', 'nft', 'monitor'), lab.start('', 'ip', 'monitor', 'link', 'address', 'route')]
    await settle(500)
    await lab.apply()
    await lab.net.close()
    const at = flow.text().length
    await settle(600)
    expect(flow.text().length).toBeGreaterThan(at)
    await lab.open()
    await lab.apply()
    await settle(300)
    expect(look()).toEqual(before)
    expect(watch.map((w) => w.text().split('\n').filter((l) => /7e51/.test(l)).join('\n'))).toEqual(['', ''])
    const later = flow.text().length
    await settle(600)
    expect(flow.text().length).toBeGreaterThan(later)
    expect(await identity(one)).toBe(one.port.server)
    for (const w of watch) w.child.kill()
  })
  test('a rule that went while the bridge was away stops its connections at the next start', async () => {
    const flow = lab.flow(one.ns, two.ip, 80)
    await until('it flows', () => flow.text().includes('tick'))
    await lab.net.close()
    await lab.open()
    await rules(two, [ping])
    const at = flow.text().length
    await settle(1000)
    expect(flow.text().length).toBe(at)
    await rules(two, [ping, tcp(80)])
  })
  test('what somebody took away by hand comes back', async () => {
    run('nft', 'delete', 'table', 'bridge', 'virga_7e51')
    run('ip', 'netns', 'del', `v7e51d-${a.id.replaceAll('-', '').slice(0, 9)}`)
    await lab.apply()
    expect(await lab.call(one.ns, two.ip, 80)).toBeDefined()
    expect(await lab.call(one.ns, two.ip, 81)).toBeUndefined()
    expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11' })
    expect(await identity(one)).toBe(one.port.server)
    run('nft', 'flush', 'chain', 'bridge', 'virga_7e51', 'guest')
    await lab.apply()
    expect(run('nft', 'list', 'chain', 'bridge', 'virga_7e51', 'guest')).toContain('@macs drop')
  })
  test('a port set down carries nothing and is not reported', async () => {
    await lab.apply((d) => { d.ports.find((x) => x.id === three.port.id)!.up = false })
    expect(await lab.pings(one.ns, three.ip)).toBe(false)
    expect(await lab.net.ports()).not.toContain(three.port.id)
    await lab.apply((d) => { d.ports.find((x) => x.id === three.port.id)!.up = true })
    await until('up again', () => lab.pings(one.ns, three.ip), 10)
  })

  test('another cloud on the same machine is another world, and its end is not ours', async () => {
    const other = new Lab('7e52', { externalCidr: '172.31.242.0/24' })
    await other.open()
    try {
      const net = other.network('a', '10.9.0.0/24', { vni: a.vni })
      const guest = other.guest('one', net, '10.9.0.12')
      await other.apply()
      expect(await other.pings(guest.ns, '10.9.0.11')).toBe(false)
      expect(await other.lease(guest)).toMatchObject({ ip: '10.9.0.12' })
      const zones = (tag: string) => [...run('nft', 'list', 'map', 'inet', `virga_${tag}`, 'zones').matchAll(/zone_(\d+)/g)].map((m) => m[1])
      expect(zones('7e51').filter((z) => zones('7e52').includes(z))).toEqual([])
    } finally { await other.close() }
    expect(leftovers('7e52')).toBe('')
    expect(await lab.pings(one.ns, two.ip)).toBe(true)
  })

  test('the end of a network leaves nothing of it', async () => {
    await lab.apply((d) => { d.networks = d.networks.filter((n) => n.id !== b.id); d.ports = d.ports.filter((p) => p.network !== b.id) })
    const short = b.id.replaceAll('-', '').slice(0, 9)
    expect(run('ip', 'link') + run('ip', 'netns') + run('nft', 'list', 'ruleset')).not.toContain(short)
    expect(await lab.pings(one.ns, two.ip)).toBe(true)
  })
})

const hostAddresses = (): string[] => (JSON.parse(run('ip', '-j', '-4', 'addr')) as { ifname: string; addr_info: { local: string }[] }[]).filter((l) => l.ifname === 'eth0').flatMap((l) => l.addr_info.map((x) => x.local))
const commands = () => readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map((p) => { try { return readFileSync(`/proc/${p}/cmdline`, 'utf8') } catch { return '' } })
const leftovers = (tag: string) => [
  ...[run('ip', '-br', 'link'), run('ip', 'netns'), run('nft', 'list', 'tables')].join('\n').split('\n').filter((l) => l.includes(`v${tag}`) || l.includes(`virga_${tag}`)),
  ...commands().filter((c) => c.startsWith('dnsmasq') && c.includes(`/virga/${tag}/`)), ...(existsSync(`/run/virga/${tag}`) ? [`/run/virga/${tag}`] : []),
].join('\n')
