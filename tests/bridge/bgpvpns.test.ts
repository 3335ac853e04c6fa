import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { meeting } from '../../functions/network/bgpvpns/exchange.ts'
import { meetingOf, type MemberRow, type SpeakerRow } from '../../functions/network/bgpvpns/members.ts'
import { anything, Lab, ping, run, tcp, until, uuid, type Guest, type Network } from './lab.ts'
import { carriers, Vswitch } from './vswitch.ts'

/**
 * Two machines and an underlay: routers of different projects on both, what they exchange as the control plane works it
 * out. `east` and `west` have the same targets, `hub` tells `spoke` and hears of it, `alone` is in none.
 */
for (const { driver, why } of carriers) describe.skipIf(why)(`routers that exchange routes by ${driver}${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const [m1, m2] = ['t7e8-m1', 't7e8-m2'] as const
  const first = new Lab('7e8a', { underlay: '192.168.79.1', externalCidr: '172.31.243.0/24', driver }, m1), second = new Lab('7e8b', { underlay: '192.168.79.2', driver }, m2)
  const switches = driver === 'openvswitch' ? [new Vswitch(m1), new Vswitch(m2)] : []
  const places: Record<string, { lab: Lab; cidr: string; six: string; guest: Guest; network: Network }> = {}
  const at = (name: string) => uuid(`bgpvpn ${name}`)
  let members: MemberRow[] = []

  /** A project's router with a network and a guest on it. */
  function place(name: string, lab: Lab, n: number, cidr = `10.60.${n}.0/24`) {
    const network = lab.network(name, cidr, { vni: 6000 + n }), base = cidr.replace('.0/24', ''), six = `fd00:60:${n}::`
    network.subnets.push({ id: lab.id(`${name} six`), cidr: `${six}/64`, gateway: `${six}1`, dhcp: false, dns: [], routes: [] })
    const guest = lab.guest(name, network, `${base}.11`, { security: { ingress: [ping, { family: 6, protocol: 58 }, tcp(80)], egress: anything, pairs: [] } })
    guest.port.addresses.push({ subnet: network.subnets[1]!.id, address: `${six}11` })
    run('ip', '-n', guest.ns, 'link', 'set', 'eth0', 'mtu', '1450')
    run('ip', '-n', guest.ns, 'addr', 'add', `${six}11/64`, 'dev', 'eth0', 'nodad')
    run('ip', '-n', guest.ns, 'route', 'add', 'default', 'via', `${six}1`)
    places[name] = { lab, cidr, six, guest, network }
    lab.document.routers.push({ id: at(name), interfaces: [{ port: lab.id(`${name} leg`), network: network.id, mac: `fa:16:3e:60:00:0${n}`, addresses: [{ address: `${base}.1`, prefix: 24 }, { address: `${six}1`, prefix: 64 }] }], floating: [], routes: [] })
  }
  const associate = (name: string, imports: string[], exports: string[]) => members.push({ router: at(name), association: at(`${name} ${imports}`), network: null, port: null, advertise: 1, routes: '[]', createdAt: members.length, preference: null, fixed: '[]', imports: JSON.stringify(imports), exports: JSON.stringify(exports) })
  /** Each machine is told what the control plane would say to it. */
  async function told() {
    const speakers = Object.entries(places).map(([name, p]): SpeakerRow => ({ id: at(name), host: p.lab.tag, address: p.lab === first ? '192.168.79.1' : '192.168.79.2', up: 1, routes: '[]', outside: '[]',
      legs: JSON.stringify(p.network.subnets.map((s) => ({ subnet: s.id, network: p.network.id, cidr: s.cidr }))) }))
    await Promise.all([first, second].map((lab) => lab.apply((d) => {
      const met = meetingOf(lab.tag, speakers, members)
      d.networks = [...d.networks.filter((n) => n.id !== meeting.id), ...(met.network ? [met.network] : [])]
      d.elsewhere = met.network ? met.elsewhere : []
      for (const r of d.routers) {
        r.interfaces = [...r.interfaces.filter((i) => i.network !== meeting.id), ...met.leg(r.id)]
        r.routes = met.routes(r.id)
      }
    })))
    expect([await first.net.problems(), await second.net.problems()]).toEqual([[], []])
  }
  const reaches = async (from: string, to: string) => places[from]!.lab.pings(places[from]!.guest.ns, places[to]!.guest.ip)
  const reachesBySix = async (from: string, to: string) => places[from]!.lab.pings(places[from]!.guest.ns, `${places[to]!.six}11`)

  beforeAll(async () => {
    for (const { name } of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (name === m1 || name === m2) run('ip', 'netns', 'del', name)
    for (const ns of [m1, m2]) { run('ip', 'netns', 'add', ns); run('ip', '-n', ns, 'link', 'set', 'lo', 'up') }
    const under = switches.length ? 'wire' : 'under'
    run('ip', '-n', m1, 'link', 'add', under, 'type', 'veth', 'peer', 'name', under, 'netns', m2)
    for (const [i, ns] of [m1, m2].entries()) {
      if (!switches.length) run('ip', '-n', ns, 'addr', 'add', `192.168.79.${i + 1}/24`, 'dev', under)
      run('ip', '-n', ns, 'link', 'set', under, 'up')
    }
    for (const [i, lab] of switches.length ? [first, second].entries() : []) {
      lab.env = (await switches[i]!.open()).env
      await switches[i]!.underlay('under', `192.168.79.${i + 1}/24`, 'wire')
    }
    await Promise.all([first.open(), second.open()])
    place('east', first, 1)
    place('west', second, 2)
    place('hub', first, 3)
    place('spoke', second, 4)
    place('other', first, 5)
    place('alone', second, 6)
    // One has a way out, with translation: what goes to the others must not take it.
    const outside = first.network('out', '172.31.243.0/24', { external: true, mtu: 1500, dhcp: undefined })
    first.document.routers[0]!.external = { network: outside.id, mac: 'fa:16:3e:60:01:01', addresses: [{ address: '172.31.243.10', prefix: 24 }], gateways: ['172.31.243.1'], snat: true }
    await told()
  }, 60_000)
  afterAll(async () => {
    await Promise.all([first.close(), second.close()])
    for (const s of switches) await s.close()
    for (const ns of [m1, m2]) run('ip', 'netns', 'del', ns)
  }, 60_000)

  test('without a common target nobody reaches another', async () => {
    expect([await reaches('east', 'west'), await reaches('hub', 'spoke'), await reaches('east', 'hub')]).toEqual([false, false, false])
  })

  test('routers with the same target reach each other, by either family, and neither translates', async () => {
    associate('east', ['64512:1'], ['64512:1'])
    associate('west', ['64512:1'], ['64512:1'])
    await told()
    expect([await reaches('east', 'west'), await reaches('west', 'east'), await reachesBySix('east', 'west'), await reachesBySix('west', 'east')]).toEqual([true, true, true, true])
    await second.serve(places.west!.guest.ns, 80)
    expect(await first.call(places.east!.guest.ns, places.west!.guest.ip, 80)).toBe(`from ::ffff:${places.east!.guest.ip}`)
    expect(await first.in(places.east!.guest.ns, 'ping', '-c', '1', '-W', '2', '-s', '3000', places.west!.guest.ip)).toBeDefined()
  })

  test('who is in none is not reached and reaches nobody', async () => {
    for (const name of ['east', 'west', 'hub', 'spoke']) {
      expect([await reaches(name, 'alone'), await reaches('alone', name)], name).toEqual([false, false])
    }
  })

  test('spokes reach the hub and not each other', async () => {
    associate('hub', ['64512:20'], ['64512:21'])
    associate('spoke', ['64512:21'], ['64512:20'])
    associate('other', ['64512:21'], ['64512:20'])
    await told()
    expect([await reaches('spoke', 'hub'), await reaches('hub', 'spoke'), await reaches('other', 'hub'), await reaches('hub', 'other')]).toEqual([true, true, true, true])
    expect([await reaches('spoke', 'other'), await reaches('other', 'spoke'), await reaches('east', 'hub'), await reaches('spoke', 'west')]).toEqual([false, false, false, false])
  })

  test('a router takes nothing from whom it has no route to', async () => {
    const ear = first.start(places.east!.guest.ns, 'python3', '-c', "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('',9999));print('ready',flush=True)\nwhile 1: print(s.recv(99).decode(),flush=True)")
    await until('listener', () => ear.text().includes('ready'))
    await first.apply((d) => { d.ports.find((p) => p.id === places.east!.guest.port.id)!.security!.ingress.push({ family: 4, protocol: 17 }) })
    const says = (name: string) => second.in(places[name]!.guest.ns, 'python3', '-c', `import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor i in range(5): s.sendto(b'from ${name}',('${places.east!.guest.ip}',9999))`)
    // Alone learns of east, which learns of nobody there: even what wants no answer does not arrive.
    associate('alone', ['64512:1'], [])
    await told()
    await says('alone')
    await says('west')
    await until('what may be heard', () => ear.text().includes('from west'))
    expect(ear.text()).not.toContain('from alone')
    members = members.filter((m) => m.router !== at('alone'))
  })

  test('routes and legs go with the association, and nothing of theirs stays', async () => {
    members = members.filter((m) => m.router !== at('west'))
    await told()
    expect([await reaches('east', 'west'), await reaches('west', 'east'), await reaches('spoke', 'hub')]).toEqual([false, false, true])
    members = []
    await told()
    for (const ns of [m1, m2]) expect(JSON.parse(run('ip', '-n', ns, '-j', 'link')).map((l: { ifname: string }) => l.ifname).join(' ')).not.toMatch(/x000000000|b000000000|y000000000/)
    expect([await reaches('spoke', 'hub'), await reaches('hub', 'spoke')]).toEqual([false, false])
  })
})
