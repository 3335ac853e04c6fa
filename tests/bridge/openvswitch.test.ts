import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, ether, Lab, packet4, run, udp, unable, until, uuid, type Guest, type Network } from './lab.ts'
import { unswitched, Vswitch } from './vswitch.ts'

/** What is Open vSwitch's own: that it can end and start again, and whom it lets in; and that its hosts and those without it are one cloud. Two machines, one network. */
const why = unable() ?? unswitched()

describe.skipIf(why)(`networks carried by Open vSwitch${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const spaces = ['t7ef-m1', 't7ef-m2'] as const, at = (i: number) => `192.168.76.${i + 1}`
  const labs = spaces.map((ns, i) => new Lab(`7ef${'ab'[i]}`, { underlay: at(i), driver: i ? 'linuxbridge' : 'openvswitch' }, ns)), [first, second] = labs as [Lab, Lab]
  const vswitch = new Vswitch(spaces[0])
  const network = (i: number): Network => ({
    id: uuid('ovs net'), vni: 7601, mtu: 1400, peers: [at(1 - i)], external: false, dnsDomain: 'example.org',
    dhcp: { port: uuid('ovs dhcp'), mac: 'fa:16:3e:76:00:02', addresses: ['10.76.0.2'] }, subnets: [{ id: uuid('ovs v4'), cidr: '10.76.0.0/24', dhcp: true, dns: [], routes: [] }],
  })
  const free = { security: { ingress: anything, egress: anything, pairs: [] } }
  let one: Guest, near: Guest, two: Guest

  beforeAll(async () => {
    for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (spaces.includes(name as never)) run('ip', 'netns', 'del', name)
    for (const ns of spaces) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
    run('ip', '-n', spaces[0], 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', spaces[1])
    for (const ns of spaces) run('ip', '-n', ns, 'link', 'set', 'wire', 'up')
    first.env = (await vswitch.open()).env
    await vswitch.underlay('under', `${at(0)}/24`, 'wire')
    run('ip', '-n', spaces[1], 'addr', 'add', `${at(1)}/24`, 'dev', 'wire')
    // As a real device does, before frames are on the wire.
    run('nsenter', `--net=/run/netns/${spaces[1]}`, 'ethtool', '-K', 'wire', 'tx', 'off')
    await Promise.all(labs.map((lab) => lab.open()))
    labs.forEach((lab, i) => lab.document.networks.push(network(i)))
    one = first.guest('one', first.document.networks[0]!, '10.76.0.11', free)
    near = first.guest('near', first.document.networks[0]!, '10.76.0.12', free)
    two = second.guest('two', second.document.networks[0]!, '10.76.0.13', free)
    for (const g of [one, near]) second.document.elsewhere.push({ id: g.port.id, network: uuid('ovs net'), mac: g.mac, addresses: g.port.addresses, host: at(0), hostname: 'x' })
    first.document.elsewhere.push({ id: two.port.id, network: uuid('ovs net'), mac: two.mac, addresses: two.port.addresses, host: at(1), hostname: 'two' })
    await Promise.all(labs.map((lab) => lab.apply()))
    for (const g of [one, two]) run('ip', '-n', g.ns, 'link', 'set', 'eth0', 'mtu', '1400')
  }, 60_000)
  afterAll(async () => {
    await Promise.all(labs.map((lab) => lab.close()))
    expect(vswitch.ask('list-br')).toBe('under\n')
    await vswitch.close()
    for (const ns of spaces) run('ip', 'netns', 'del', ns)
  }, 60_000)

  test('sums of guests that leave them to their device are right when they arrive, whatever the size', async () => {
    const bytes = 32 << 20
    for (const [lab, from, to] of [[first, one, two], [second, two, one]] as const) {
      const sink = lab.start(to.ns, process.execPath, '-e', `require('net').createServer((s) => { let n = 0; s.on('data', (d) => { n += d.length }).on('end', () => { console.log('got', n) }) }).listen(90, '::', () => console.log('up'))`)
      await until('a sink', () => sink.text().includes('up'))
      expect(run('nsenter', `--net=/run/netns/${from.ns}`, 'ethtool', '-k', 'eth0')).toMatch(/tx-checksumming: on[^]*tcp-segmentation-offload: on/)
      await lab.in(from.ns, process.execPath, '-e', `require('net').connect(90, '${to.ip}', function () { this.end(Buffer.alloc(${bytes})) })`)
      await until(`all of it at ${to.ip}`, () => sink.text().includes(`got ${bytes}`))
    }
  })
  test('the same document again, and a driver that is started again, change nothing of it', async () => {
    const look = () => [vswitch.ask('get', 'Open_vSwitch', '.', 'next_cfg'), vswitch.ask('--columns=_uuid,name,ofport', 'list', 'Interface')].join('')
    const ages = () => [...vswitch.flows('v7efaint', '--stats').matchAll(/duration=(\d+)/g)].map((m) => Number(m[1]))
    const before = look(), started = Date.now()
    await first.apply()
    await first.net.close()
    await first.open()
    await new Promise((wake) => setTimeout(wake, Math.max(0, 3000 - (Date.now() - started))))
    await first.apply()
    expect(look()).toBe(before)
    expect(ages()).toHaveLength(3)
    for (const age of ages()) expect(age).toBeGreaterThanOrEqual(3)
    expect(await first.pings(one.ns, two.ip)).toBe(true)
  })
  test('only the network\'s other hosts are let in', async () => {
    run('ip', '-n', spaces[1], 'addr', 'add', '192.168.76.9/24', 'dev', 'wire')
    const heard = async (from: string, vni: number, mark: string) => {
      const ear = first.hears(one, 3, mark), inner = ether(one.mac, two.mac, '0800', packet4(two.ip, one.ip, 17, udp(9, 9, mark)))
      await ear.ready
      await first.in(spaces[1], 'python3', '-c', `import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('${from}',0)); s.sendto(bytes.fromhex('08000000${vni.toString(16).padStart(6, '0')}00${inner}'),('${at(0)}',4789))`)
      return ear.count()
    }
    expect(await Promise.all([heard(at(1), 7601, 'c0ffee017601'), heard('192.168.76.9', 7601, 'c0ffee017602'), heard(at(1), 7602, 'c0ffee017603')])).toEqual([1, 0, 0])
  })
  test('the machine takes no part in what passes its cables', async () => {
    for (const address of [at(0), at(1)]) {
      run('ip', '-n', one.ns, 'route', 'add', address, 'dev', 'eth0')
      expect(await first.pings(one.ns, address)).toBe(false)
      expect(run('ip', '-n', one.ns, 'neigh', 'show', address)).not.toContain('lladdr')
    }
  })
  test('while it does not run a host is alone; started again, it is told where frames go by itself', async () => {
    await vswitch.kill()
    expect(await first.pings(one.ns, near.ip)).toBe(true)
    expect(await first.pings(one.ns, two.ip)).toBe(false)
    await until('it is noticed', () => first.said.some((line) => /Open vSwitch has ended/.test(line)), 10)
    await expect(first.apply()).rejects.toThrow(/Open vSwitch does not run/)
    await vswitch.start()
    await until('they meet again', () => first.pings(one.ns, two.ip), 15)
    await first.apply()
    expect(await first.net.problems()).toEqual([])
  })
})
