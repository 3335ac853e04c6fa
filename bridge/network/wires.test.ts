import { expect, test } from 'vitest'
import type { Desired } from '../../schema/hosts.ts'
import { together } from './carrier.ts'
import { filters } from './filters.ts'
import type { Link, Links } from './links.ts'
import { names } from './names.ts'
import { plan } from './plan.ts'
import { retag, untag } from './program.ts'
import { tunnels } from './tunnels.ts'
import { wireCommands, wires } from './wires.ts'

const n = names('7eaa'), id = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`
const network = (digit: string, more: Partial<Desired['networks'][number]>): Desired['networks'][number] => ({ id: id(digit), vni: 7, mtu: 1500, external: false, peers: ['192.0.2.2'], dnsDomain: '', subnets: [], ...more })
const document = (...networks: Desired['networks']): Desired => ({ revision: 1, networks, ports: [], elsewhere: [], routers: [], guests: [] })
const carrierOf = (underlay: string | undefined, physical: Record<string, string>) => together(tunnels(n, underlay), wires(n, new Map(Object.entries(physical))))
const link = (ifname: string, more: Partial<Link> = {}): Link => ({ ifname, ifindex: 3, mtu: 1500, flags: ['UP'], ...more })
const all = plan(document(network('1', { physical: { network: 'cables' } }), network('2', { physical: { network: 'cables', vlan: 12 } }), network('3', { physical: { network: 'cables', vlan: 13 }, mtu: 1400 }),
  network('4', {}), network('5', { external: true }), network('6', { physical: { network: 'external' } }), network('7', { physical: { network: 'external', vlan: 17 } }), network('8', { physical: { network: 'elsewhere' } })), n).networks
const at = (digit: string) => all.get(id(digit))!

test('each network leaves by what carries it, and the outside one is on the bridge the host takes part in', () => {
  const carrier = carrierOf('192.0.2.1', { cables: 'eth1', external: 'eth2' })
  expect(['1', '2', '4', '5', '6', '7', '8'].map((d) => [at(d).bridge === n.ext, carrier.device(at(d)), carrier.devices(at(d))])).toEqual([
    [false, 'eth1', []], [false, n.wire(id('2')), [n.wire(id('2')), n.lead(id('2'))]], [false, n.vxlan(id('4')), [n.vxlan(id('4'))]],
    [true, 'eth2', []], [true, 'eth2', []], [false, n.wire(id('7')), [n.wire(id('7')), n.lead(id('7'))]], [false, undefined, []]])
  // A host that leads nowhere: the outside network is its own.
  expect(carrierOf(undefined, {}).device(at('5'))).toBeUndefined()
  for (const name of [n.wire(id('2')), n.lead(id('2'))]) expect([n.ours(name), name.length]).toEqual([true, 15])
})

test('what is to be done for a flat network and two with tags on one device', () => {
  const eth1 = link('eth1', { flags: [] }), carried = ['1', '2', '3'].map((d) => ({ n: at(d), device: eth1 }))
  const fresh = (d: string, mtu: number) => [`link add name v7eaaw${d.repeat(8)}0 mtu ${mtu} type veth peer name v7eaay${d.repeat(8)}0 mtu ${mtu}`, `link set dev v7eaaw${d.repeat(8)}0 addrgenmode none`, `link set dev v7eaay${d.repeat(8)}0 addrgenmode none`,
    `link set dev v7eaaw${d.repeat(8)}0 master v7eaab${d.repeat(8)}0`, `link set dev v7eaaw${d.repeat(8)}0 up`, `link set dev v7eaay${d.repeat(8)}0 up`]
  expect(wireCommands(carried, n, new Map())).toEqual(['link set dev eth1 master v7eaab111111110', 'link set dev eth1 up', ...fresh('2', 1500), ...fresh('3', 1400), 'link set dev eth1 promisc on', 'link set dev eth1 up'])
  // As it should be: nothing. Half a pair is made anew.
  const there: Links = new Map([link(n.wire(id('2')), { master: at('2').bridge }), link(n.lead(id('2')))].map((l) => [l.ifname, l]))
  const good = link('eth1', { master: at('1').bridge, flags: ['UP', 'PROMISC'] })
  expect(wireCommands(['1', '2'].map((d) => ({ n: at(d), device: good })), n, there)).toEqual([])
  there.delete(n.lead(id('2')))
  expect(wireCommands([{ n: at('2'), device: good }], n, there)).toEqual(['link del dev v7eaaw222222220', ...fresh('2', 1500)])
})

test('the programs are of whole instructions, one part for each tag', () => {
  const code = (b: Buffer) => { const table = Number(b.readBigUInt64LE(40)) + 3 * 64; return b.subarray(Number(b.readBigUInt64LE(table + 24)), Number(b.readBigUInt64LE(table + 24) + b.readBigUInt64LE(table + 32))) }
  expect([untag([]), untag([{ vlan: 12, ifindex: 5 }]), untag([{ vlan: 12, ifindex: 5 }, { vlan: 13, ifindex: 6 }])].map((p) => code(p).length / 8)).toEqual([9, 19, 29])
  expect(code(retag(12, 5)).readInt32LE(2 * 8 + 4)).toBe(12)
})

test('tags, switches\' own frames and what is each host\'s own stay off wires', () => {
  const carrier = carrierOf('192.0.2.1', { cables: 'eth1' })
  const p = plan(document(network('1', { physical: { network: 'cables' }, dhcp: { port: id('a'), mac: 'fa:16:3e:00:00:01', addresses: [] } }), network('4', { dhcp: { port: id('b'), mac: 'fa:16:3e:00:00:02', addresses: [] } })), n)
  const { table } = filters(p, n, carrier, [])
  expect(table.sets.get('wires')!.elements).toEqual(['eth1'])
  expect(table.sets.get('carriers')!.elements).toEqual(['eth1', n.vxlan(id('4'))])
  expect(table.sets.get('each')!.elements).toEqual([{ concat: ['eth1', 'fa:16:3e:00:00:01'] }, { concat: [n.vxlan(id('4')), 'fa:16:3e:00:00:02'] }])
  expect(table.sets.get('outer')!.elements).toEqual([])
})
