import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, Lab, ping, run, tcp, until, uuid, type Guest, type Network } from './lab.ts'
import { carriers, Vswitch } from './vswitch.ts'

/** Two machines, an underlay between them, and the outside world behind one of them: all namespaces. */
const nets = (lab: Lab, dhcp: string, peer: string) => {
  const base = { mtu: 1400, peers: [peer], external: false, dnsDomain: 'example.org' }
  const mac = (n: number) => `fa:16:3e:dd:${lab.tag.slice(2)}:0${n}`
  const subnet = (name: string, cidr: string, more: object) => ({ id: uuid(name), cidr, dhcp: true, dns: [], routes: [], ...more })
  return [
    { ...base, id: uuid('dual'), vni: 7001, dhcp: { port: uuid(`d1${dhcp}`), mac: mac(1), addresses: [`10.8.0.${dhcp}`, `fd00:8::${dhcp}`] },
      subnets: [subnet('v4', '10.8.0.0/24', { gateway: '10.8.0.1' }), subnet('v6', 'fd00:8::/64', { gateway: 'fd00:8::1', v6: 'slaac' })] },
    { ...base, id: uuid('managed'), vni: 7002, dhcp: { port: uuid(`d2${dhcp}`), mac: mac(2), addresses: [`fd00:9::${dhcp}`] }, subnets: [subnet('m6', 'fd00:9::/64', { gateway: 'fd00:9::1', v6: 'dhcpv6-stateful' })] },
  ] as Network[]
}

for (const { driver, why } of carriers) describe.skipIf(why)(`two hosts by ${driver}${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const spaces = ['t7e5-m1', 't7e5-m2', 't7e5-net']
  const [m1, m2, internet] = spaces as [string, string, string]
  const first = new Lab('7e5a', { externalCidr: '172.31.245.0/24', underlay: '192.168.77.1', uplink: 'up0', driver }, m1)
  const second = new Lab('7e5b', { underlay: '192.168.77.2', driver }, m2)
  const switches = driver === 'openvswitch' ? [new Vswitch(m1), new Vswitch(m2)] : []
  let one: Guest, two: Guest, managed: Guest, direct: Guest
  const v6 = (guest: Guest) => run('ip', '-n', guest.ns, '-6', 'addr', 'show', 'dev', 'eth0')
  const eui = (prefix: string, mac: string) => { const m = mac.split(':'); return `${prefix}f816:3eff:fe${m[3]}:${m[4]}${m[5]}`.replace(/:0+(?=[0-9a-f])/g, ':') }

  beforeAll(async () => {
    for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (spaces.includes(name)) run('ip', 'netns', 'del', name)
    for (const ns of spaces) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
    const wire = (a: string, an: string, aip: string, b: string, bn: string, bip: string) => {
      run('ip', '-n', a, 'link', 'add', an, 'type', 'veth', 'peer', 'name', bn, 'netns', b)
      for (const [ns, name, at] of [[a, an, aip], [b, bn, bip]] as const) { if (at) run('ip', '-n', ns, 'addr', 'add', at, 'dev', name); run('ip', '-n', ns, 'link', 'set', name, 'up') }
    }
    if (switches.length) wire(m1, 'wire', '', m2, 'wire', '')
    else wire(m1, 'under', '192.168.77.1/24', m2, 'under', '192.168.77.2/24')
    for (const [i, lab] of switches.length ? [first, second].entries() : []) {
      lab.env = (await switches[i]!.open()).env
      await switches[i]!.underlay('under', `192.168.77.${i + 1}/24`, 'wire')
    }
    wire(m1, 'up0', '198.51.100.2/24', internet, 'eth0', '198.51.100.1/24')
    run('ip', '-n', m1, 'route', 'add', 'default', 'via', '198.51.100.1')
    run('ip', '-n', internet, 'addr', 'add', '169.254.169.253/32', 'dev', 'lo')
    run('ip', '-n', internet, 'addr', 'add', '203.0.113.9/32', 'dev', 'lo')
    await Promise.all([first.open(), second.open()])

    first.document.networks.push(...nets(first, '2', '192.168.77.2'))
    second.document.networks.push(...nets(second, '3', '192.168.77.1'))
    const [dual, stateful] = first.document.networks as [Network, Network]
    const outside = first.network('out', '172.31.245.0/24', { external: true, mtu: 1500, dhcp: undefined })
    const dualAddresses = (mac: string, v4: string) => [{ subnet: uuid('v4'), address: v4 }, { subnet: uuid('v6'), address: eui('fd00:8::', mac) }]
    one = first.guest('one', dual, '10.8.0.11', {}, false)
    two = second.guest('two', second.document.networks[0]!, '10.8.0.12', { security: { ingress: [ping, { family: 6, protocol: 58 }, tcp(80)], egress: anything, pairs: [] } }, false)
    for (const g of [one, two]) g.port.addresses = dualAddresses(g.mac, g.ip)
    managed = first.guest('managed', stateful, 'fd00:9::77', {}, false)
    direct = first.guest('direct', outside, '172.31.245.40', { security: { ingress: [tcp(80)], egress: anything, pairs: [] } })
    first.document.elsewhere.push({ id: two.port.id, network: dual.id, mac: two.mac, addresses: two.port.addresses, host: '192.168.77.2', hostname: 'two' })
    second.document.elsewhere.push({ id: one.port.id, network: dual.id, mac: one.mac, addresses: one.port.addresses, host: '192.168.77.1', hostname: 'one' })
    first.document.routers.push({
      id: first.id('router'), external: { network: outside.id, mac: 'fa:16:3e:aa:01:01', addresses: [{ address: '172.31.245.10', prefix: 24 }], gateways: ['172.31.245.1'], snat: true },
      interfaces: [{ port: first.id('ra'), network: dual.id, mac: 'fa:16:3e:aa:01:02', addresses: [{ address: '10.8.0.1', prefix: 24 }, { address: 'fd00:8::1', prefix: 64 }] },
        { port: first.id('rb'), network: stateful.id, mac: 'fa:16:3e:aa:01:03', addresses: [{ address: 'fd00:9::1', prefix: 64 }] }], floating: [], routes: [],
    })
    await Promise.all([first.apply(), second.apply()])
    expect([await first.net.problems(), await second.net.problems()]).toEqual([[], []])
  }, 60_000)
  afterAll(async () => {
    await Promise.all([first.close(), second.close()])
    for (const s of switches) await s.close()
    for (const ns of spaces) run('ip', 'netns', 'del', ns)
  }, 60_000)

  test('each guest is leased to by its own host, though both hear it', async () => {
    expect(await first.lease(one)).toMatchObject({ ip: '10.8.0.11', serverid: '10.8.0.2', mtu: '1400' })
    expect(await second.lease(two)).toMatchObject({ ip: '10.8.0.12', serverid: '10.8.0.3', mtu: '1400' })
  })
  test('they meet through the tunnel, under the rules of both ends', async () => {
    expect(await first.pings(one.ns, two.ip)).toBe(true)
    await second.serve(two.ns, 80)
    await second.serve(two.ns, 81)
    expect(await first.call(one.ns, two.ip, 80)).toContain('10.8.0.11')
    expect(await first.call(one.ns, two.ip, 81)).toBeUndefined()
  })
  test('full frames pass', async () => { expect(await first.in(one.ns, 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s', '1372', two.ip)).toBeDefined() })
  test('the network\'s own port, one MAC on every host, is heard on its own host alone', async () => {
    expect(await first.pings(one.ns, '10.8.0.2')).toBe(true)
    expect(await first.pings(one.ns, '10.8.0.3')).toBe(false)
    const fdb = run('nsenter', `--net=/run/netns/${m1}`, 'bridge', 'fdb', 'show')
    expect(fdb).not.toMatch(new RegExp(`fa:16:3e:dd:${first.tag.slice(2)}:01 dev v7e5a[xw]`))
  })
  test('metadata is each host\'s own', async () => {
    for (const [lab, guest] of [[first, one], [second, two]] as const) {
      const answer = await lab.in(guest.ns, 'busybox', 'wget', '-q', '-O', '-', 'http://169.254.169.254/openstack/latest/meta_data.json')
      expect(JSON.parse(answer ?? '{}').uuid).toBe(guest.port.server)
    }
  })
  test('known guests are reached without flooding', () => {
    const flows = switches[0]?.flows('v7e5aint')
    if (flows) {
      expect(flows).toMatch(new RegExp(`priority=10,in_port=\\d+,dl_dst=${two.mac} actions=set_field:0x1b59->tun_id,set_field:192.168.77.2->tun_dst,output:\\d+$`, 'm'))
      return
    }
    const fdb = run('nsenter', `--net=/run/netns/${m1}`, 'bridge', 'fdb', 'show')
    expect(fdb).toMatch(new RegExp(`${two.mac} dev v7e5ax\\w+ dst 192.168.77.2`))
    expect(fdb).toMatch(/00:00:00:00:00:00 dev v7e5ax\w+ dst 192.168.77.2/)
  })
  test('IPv6 addresses and a default route by router advertisement', async () => {
    // Until nobody else was found to have it, a guest neither speaks nor answers with an address.
    for (const g of [one, two]) await until(`an address for ${g.ns}`, () => v6(g).includes(eui('fd00:8::', g.mac)) && !v6(g).includes('tentative'), 20)
    await until('a default route', () => run('ip', '-n', two.ns, '-6', 'route').includes('default via fe80::f816:3eff:feaa:102'), 20)
    expect(run('ip', '-n', one.ns, '-6', 'route').match(/via fe80/g)).toHaveLength(1)
    expect(await first.pings(one.ns, eui('fd00:8::', two.mac))).toBe(true)
    expect(await second.pings(two.ns, 'fd00:8::1')).toBe(true)
    expect(await second.pings(two.ns, eui('fd00:8::', one.mac)), 'one lets in no ICMPv6').toBe(false)
  })
  test('IPv6 addresses by DHCP', async () => {
    const solicit = `import socket,struct,sys
s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('::',546)); s.settimeout(5)
mac=bytes.fromhex('${managed.mac.replaceAll(':', '')}')
opt=lambda c,b: struct.pack('!HH',c,len(b))+b
s.sendto(bytes([1,1,2,3])+opt(1,struct.pack('!HH',3,1)+mac)+opt(8,b'\\0\\0')+opt(3,struct.pack('!III',7,0,0)),('ff02::1:2',547,0,socket.if_nametoindex('eth0')))
print(s.recv(2000).hex())`
    await until('link-local address', () => /fe80.*scope link\s/.test(v6(managed)) && !v6(managed).includes('tentative'))
    expect(await first.in(managed.ns, 'python3', '-c', solicit)).toContain('fd000009000000000000000000000077')
    await until('managed flag heard, no address made from it', () => run('ip', '-n', managed.ns, '-6', 'route').includes('default via fe80'))
    expect(v6(managed)).not.toContain('fd00:9')
  })
  test('guests reach the world behind the host as the host, and no link-local or underlay address there', async () => {
    await first.serve(internet, 90)
    expect(await first.call(one.ns, '203.0.113.9', 90)).toContain('198.51.100.2')
    run('ip', '-n', m1, 'route', 'add', '169.254.169.253/32', 'via', '198.51.100.1')
    expect(await first.pings(m1, '169.254.169.253')).toBe(true)
    for (const address of ['169.254.169.253', '192.168.77.1', '192.168.77.2', '198.51.100.2']) expect(await first.pings(one.ns, address), address).toBe(false)
    run('ip', '-n', direct.ns, 'route', 'add', '169.254.169.253/32', 'via', '172.31.245.1')
    expect(await first.pings(direct.ns, '169.254.169.253')).toBe(false)
  })
  test('a guest on the outside network itself: under its rules, also towards the host', async () => {
    await first.serve(direct.ns, 80)
    expect(await first.call(m1, '172.31.245.40', 80)).toContain('172.31.245.1')
    expect(await first.pings(m1, '172.31.245.40')).toBe(false)
    expect(await first.pings(direct.ns, '172.31.245.1')).toBe(true)
    expect(await first.call(one.ns, '172.31.245.40', 80)).toContain('172.31.245.10')
    await first.serve(internet, 91)
    expect(await first.call(direct.ns, '203.0.113.9', 91)).toContain('198.51.100.2')
  })
  test('a peer that left is forgotten', async () => {
    await first.apply((d) => { d.elsewhere = []; for (const n of d.networks) n.peers = [] })
    expect(run('ip', '-n', m1, 'link')).not.toMatch(/v7e5a[xwy]/)
    expect(await first.pings(one.ns, two.ip)).toBe(false)
  })
})
