import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everybody as all, eui, forged, honest, local, wide } from './forged.ts'
import { anything, arp, ether, Lab, packet4, run, udp, udp6, until, uuid, type Guest, type Network, type Port } from './lab.ts'
import { carriers, Vswitch } from './vswitch.ts'

/**
 * Three machines, six servers of two projects whose networks are the same to the last address: every pair that should
 * talk does, no other, and what a guest forges is seen by nobody, on its own machine, on the wire between them or beyond.
 */
const projects = ['red', 'blue'] as const
type Project = (typeof projects)[number]
const mark = 'c0ffee015e7a', good = 'c0ffee02600d'

for (const { driver, why } of carriers) describe.skipIf(why)(`two projects on three hosts by ${driver}${why ? ` (skipped: ${why})` : ''}`, { timeout: 120_000 }, () => {
  const spaces = ['t7e9-m1', 't7e9-m2', 't7e9-m3', 't7e9-sw'], middle = spaces[3]!, machines = spaces.slice(0, 3)
  const labs = machines.map((ns, i) => new Lab(`7e9${i + 1}`, { underlay: `192.168.79.${i + 1}`, driver }, ns))
  const switches = driver === 'openvswitch' ? machines.map((ns) => new Vswitch(ns)) : []
  const guests = new Map<string, { guest: Guest; lab: Lab; project: Project; n: number }>()
  const name = (project: Project, n: number) => `${project}${n}`
  const each = <T>(work: (project: Project, n: number) => T) => projects.flatMap((p) => [1, 2, 3].map((n) => work(p, n)))
  const at = (id: string) => guests.get(id)!
  const network = (project: Project, i: number): Network => ({
    id: uuid(`${project} net`), vni: project === 'red' ? 8001 : 8002, mtu: 1400, external: false, dnsDomain: 'example.org', peers: labs.map((_, k) => `192.168.79.${k + 1}`).filter((_, k) => k !== i),
    dhcp: { port: uuid(`${project} dhcp`), mac: `fa:16:3e:d0:0${project === 'red' ? 1 : 2}:01`, addresses: ['10.7.0.2', 'fd00:7::2', 'fd00:70::2'] },
    subnets: [{ id: uuid(`${project} v4`), cidr: '10.7.0.0/24', gateway: '10.7.0.1', dhcp: true, dns: [], routes: [] }, { id: uuid(`${project} v6`), cidr: 'fd00:7::/64', gateway: 'fd00:7::1', dhcp: true, dns: [], routes: [], v6: 'slaac' },
      { id: uuid(`${project} less`), cidr: 'fd00:70::/64', gateway: 'fd00:70::1', dhcp: true, dns: ['fd00:70::53'], routes: [], v6: 'dhcpv6-stateless' }],
  })

  beforeAll(async () => {
    for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (spaces.includes(name)) run('ip', 'netns', 'del', name)
    for (const ns of spaces) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
    run('ip', '-n', middle, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
    run('ip', '-n', middle, 'link', 'set', 'br0', 'up')
    machines.forEach((ns, i) => {
      const wire = switches.length ? 'wire' : 'under'
      run('ip', '-n', middle, 'link', 'add', `p${i + 1}`, 'type', 'veth', 'peer', 'name', wire, 'netns', ns)
      run('ip', '-n', middle, 'link', 'set', `p${i + 1}`, 'master', 'br0', 'up')
      if (!switches.length) run('ip', '-n', ns, 'addr', 'add', `192.168.79.${i + 1}/24`, 'dev', 'under')
      run('ip', '-n', ns, 'link', 'set', wire, 'up')
    })
    for (const [i, s] of switches.entries()) {
      labs[i]!.env = (await s.open()).env
      await s.underlay('under', `192.168.79.${i + 1}/24`, 'wire')
    }
    await Promise.all(labs.map((lab) => lab.open()))
    labs.forEach((lab, i) => lab.document.networks.push(...projects.map((p) => network(p, i))))
    const members = Object.fromEntries(projects.map((p) => [p, [1, 2, 3].map((n) => `10.7.0.1${n}/32`)]))
    for (const [project, n] of each((p, n) => [p, n] as const)) {
      const lab = labs[n - 1]!, net = lab.document.networks[project === 'red' ? 0 : 1]!
      const rules = [{ family: 4 as const, protocol: 1, remotes: members[project]! }, { family: 4 as const, protocol: 6, min: 80, max: 80, remotes: members[project]! }, { family: 4 as const, protocol: 17, remotes: members[project]! }, { family: 6 as const, protocol: 58 }, { family: 6 as const, protocol: 6, min: 80, max: 80 }]
      const guest = lab.guest(name(project, n), net, `10.7.0.1${n}`, { security: { ingress: rules, egress: anything, pairs: [] } })
      guest.port.addresses.push(...['v6', 'less'].map((s) => ({ subnet: uuid(`${project} ${s}`), address: eui(s === 'v6' ? 'fd00:7::' : 'fd00:70::', guest.mac) })))
      guests.set(name(project, n), { guest, lab, project, n })
    }
    // One bad rule, one bad option, one bad name: of one port of blue, beside all the others.
    const odd: Port = at('blue2').guest.port
    odd.security!.ingress.push({ family: 4, protocol: 1, min: 999 }, { family: 6, protocol: 1, min: 8 }, { family: 4, protocol: 6, min: 90, max: 80 })
    odd.dhcpOptions.push({ code: 67, value: 'boot\nport=0\ndhcp-option=3,10.7.0.66', family: 4 })
    for (const [i, lab] of labs.entries()) {
      for (const [, g] of guests) if (g.lab !== lab) lab.document.elsewhere.push({ id: g.guest.port.id, network: g.guest.port.network, mac: g.guest.mac, addresses: g.guest.port.addresses, host: `192.168.79.${g.n}`, hostname: g === at('red3') ? 'x\nno-dhcp-interface=dhcp0' : name(g.project, g.n) })
      // Advertisements come from a router of each network, on the first machine.
      if (i === 0) lab.document.routers.push(...projects.map((p, k) => ({ id: uuid(`${p} router`), floating: [], routes: [], interfaces: [{ port: uuid(`${p} leg`), network: uuid(`${p} net`), mac: `fa:16:3e:aa:09:0${k + 1}`, addresses: [{ address: '10.7.0.1', prefix: 24 }, { address: 'fd00:7::1', prefix: 64 }, { address: 'fd00:70::1', prefix: 64 }] }] })))
    }
    await Promise.all(labs.map((lab) => lab.apply()))
    for (const [id, { guest, lab }] of guests) {
      const s = lab.start(guest.ns, process.execPath, '-e', `require('net').createServer((s) => { s.on('error', () => {}); s.write('${id}\\n'); const t = setInterval(() => s.write('tick\\n'), 200); s.on('close', () => clearInterval(t)) }).listen(80, '::', () => console.log('up'))`)
      await until(`server of ${id}`, () => s.text().includes('up'))
    }
  }, 120_000)
  afterAll(async () => {
    await Promise.all(labs.map((lab) => lab.close()))
    for (const s of switches) await s.close()
    for (const ns of spaces) run('ip', 'netns', 'del', ns)
  }, 60_000)

  test('what cannot be is named, where it is, and keeps nothing else from being', async () => {
    const said = (await Promise.all(labs.map((lab) => lab.net.problems()))).map((p) => (p as string[]).join(' '))
    expect(said[1]).toMatch(new RegExp(`${at('blue2').guest.port.id}.*option 67`, 's'))
    expect(said[1]!.match(new RegExp(at('blue2').guest.port.id, 'g'))!.length).toBe(4)
    for (const i of [0, 1]) expect(said[i]).toContain('is not a host name')
    expect(await at('red1').lab.lease(at('red1').guest)).toMatchObject({ ip: '10.7.0.11' })
    expect(await at('blue2').lab.lease(at('blue2').guest)).toMatchObject({ ip: '10.7.0.12', router: '10.7.0.1' })
    expect(await at('blue1').lab.lease(at('blue1').guest)).toMatchObject({ ip: '10.7.0.11' })
  })

  test('every pair of a project talks, on whichever hosts; each meets its own at addresses that both have', async () => {
    const heard = await Promise.all(each(async (p, n) => {
      const { guest, lab } = at(name(p, n))
      return Promise.all([1, 2, 3].filter((m) => m !== n).map(async (m) => [`${p}${n} at .1${m}`, await lab.call(guest.ns, `10.7.0.1${m}`, 80), await lab.pings(guest.ns, `10.7.0.1${m}`)]))
    }))
    expect(heard.flat().sort()).toEqual(each((p, n) => [1, 2, 3].filter((m) => m !== n).map((m) => [`${p}${n} at .1${m}`, `${p}${m}`, true])).flat().sort())
  })

  test('over IPv6 too: addresses of their own making in both prefixes, with what stateless DHCPv6 tells', async () => {
    const have = (id: string) => run('ip', '-n', at(id).guest.ns, '-6', 'addr', 'show', 'dev', 'eth0')
    for (const id of ['red1', 'red2', 'blue3']) for (const prefix of ['fd00:7::', 'fd00:70::']) await until(`${id} in ${prefix}`, () => have(id).includes(eui(prefix, at(id).guest.mac)), 30)
    const six = (id: string, prefix = 'fd00:7::') => eui(prefix, at(id).guest.mac)
    // An address is tried for a second before it is one's own.
    await until('red1 at red2', async () => await at('red1').lab.call(at('red1').guest.ns, six('red2'), 80) === 'red2')
    await until('red2 at red1', async () => await at('red2').lab.call(at('red2').guest.ns, six('red1', 'fd00:70::'), 80) === 'red1')
    expect(await at('blue3').lab.call(at('blue3').guest.ns, six('red2'), 80)).toBeUndefined()
    // An information request, by hand: elapsed time, and the option for name servers asked for.
    const { guest, lab } = at('red2'), request = `0bc0ffee${'000800020000'}${'000600020017'}`
    const ear = lab.hears(guest, 3, `${wide('fd00:70::53')}`)
    await ear.ready
    await lab.send(guest, ether('33:33:00:01:00:02', guest.mac, '86dd', udp6(local(guest.mac), 'ff020000000000000000000000010002', 546, 547, request)))
    expect(await ear.count()).toBeGreaterThan(0)
  })

  /** Listens everywhere but at the sender, and on the wires between the machines, while these frames are sent. */
  const seen = async (from: string, sign: string, ...frames: string[]) => {
    const others = [...guests].filter(([id]) => id !== from)
    const ears = [...others.map(([id, g]) => [id, g.lab.hears(g.guest, 3, sign)] as const), ...[1, 2, 3].map((i) => {
      const ear = labs[0]!.start(middle, 'python3', new URL('frames.py', import.meta.url).pathname, 'sniff', `p${i}`, '3', sign)
      return [`wire ${i}`, { ready: until('ear', () => ear.text().includes('ready')), count: () => new Promise<number>((done) => { const end = () => done(Number(ear.text().trim().split('\n').at(-1))); if (ear.child.exitCode === null) ear.child.once('close', end); else end() }) }] as const
    })]
    await Promise.all(ears.map(([, e]) => e.ready))
    await at(from).lab.send(at(from).guest, ...frames)
    const counts = await Promise.all(ears.map(async ([id, e]) => [id, await e.count()] as const))
    return Object.fromEntries(counts.filter(([, n]) => n > 0))
  }

  test('what may be said reaches all of the project, over the wire, and nobody else', async () => {
    const { guest } = at('red1')
    const heard = await seen('red1', good, ether(all, guest.mac, '0806', arp(1, guest.mac, guest.ip, '10.7.0.99') + good), ether(at('red2').guest.mac, guest.mac, '0800', packet4(guest.ip, '10.7.0.12', 17, udp(9, 9, good))))
    // One for everybody, to each machine; one for its owner, to one.
    expect(heard).toMatchObject({ red2: 2, red3: 1, 'wire 1': 3 })
    expect(Object.keys(heard).filter((id) => /blue|wire 3/.test(id))).toEqual([])
    // To the other project's own MAC, and to one that nobody has.
    expect(await seen('red1', mark, ether(at('blue2').guest.mac, guest.mac, '0800', packet4(guest.ip, '10.7.0.12', 17, udp(9, 9, mark))))).not.toHaveProperty('blue2')
    const unknown = await seen('red1', mark, ether('fa:16:3e:99:99:99', guest.mac, '0800', packet4(guest.ip, '10.7.0.99', 17, udp(9, 9, mark))))
    expect(Object.keys(unknown).filter((id) => !id.startsWith('wire'))).toEqual([])
  })

  test('nothing forged leaves the machine it is made on, nor reaches a neighbour there', async () => {
    const who = (id: string) => { const { guest } = at(id); return { mac: guest.mac, v4: guest.ip, v6: eui('fd00:7::', guest.mac) } }
    const lies = forged(mark, { me: who('red1'), to: who('red2'), neighbour: who('red3'), gateway: { mac: 'fa:16:3e:aa:09:01', v4: '10.7.0.1', v6: 'fd00:7::1' } })
    expect(await seen('red1', mark, ...Object.values(lies))).toEqual({})
    console.log(`${Object.keys(lies).length} kinds of forged frames, none seen by 5 guests on 3 hosts nor on 3 wires`)
    // The same ear hears what is not forged.
    expect(await seen('red1', mark, honest(mark, who('red1'), who('red2')))).toMatchObject({ red2: 1, 'wire 1': 1 })
  })

  test('a rule that goes ends what it let in, across hosts too', async () => {
    const { guest, lab } = at('red3'), one = at('red1'), flow = one.lab.flow(one.guest.ns, guest.ip, 80)
    await until('it flows', () => flow.text().split('tick').length > 3)
    await lab.apply((d) => { d.ports.find((p) => p.id === guest.port.id)!.security!.ingress = [] })
    const end = flow.text().length
    await new Promise((wake) => setTimeout(wake, 1500))
    expect(flow.text().length).toBe(end)
    expect(await one.lab.call(one.guest.ns, guest.ip, 80)).toBeUndefined()
    expect(await at('blue1').lab.call(at('blue1').guest.ns, '10.7.0.13', 80)).toBe('blue3')
  })

  test('no guest reaches a machine: not its underlay, not by link-local, not past the metadata address', async () => {
    const { guest, lab } = at('red1')
    const macs = machines.flatMap((ns) => (JSON.parse(run('ip', '-n', ns, '-j', 'link')) as { ifname: string; address: string }[]).filter((l) => /^v7e9\d[bwxy]/.test(l.ifname) || ['under', 'wire'].includes(l.ifname)).map((l) => l.address))
    for (const n of [1, 2, 3]) expect(await lab.pings(guest.ns, `192.168.79.${n}`), `underlay ${n}`).toBe(false)
    await lab.in(guest.ns, 'ping', '-6', '-c', '2', '-i', '0.3', '-W', '1', 'ff02::1%eth0')
    const known = run('ip', '-n', guest.ns, 'neigh')
    for (const mac of macs) expect(known).not.toContain(mac)
    await Promise.all(macs.map(async (mac, i) => {
      run('ip', '-n', guest.ns, '-6', 'neigh', 'replace', `fe80::6666:${i}`, 'lladdr', mac, 'dev', 'eth0')
      expect(await lab.in(guest.ns, 'ping', '-6', '-c', '1', '-W', '1', `fe80::6666:${i}%eth0`), mac).toBeUndefined()
    }))
  })
})
