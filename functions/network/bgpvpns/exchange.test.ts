import { expect, it } from 'vitest'
import { exchange, meetingMac, nextHop, type Member, type Speaker } from './exchange.ts'

const router = (id: string, cidrs: string[], more: Partial<Speaker> = {}): Speaker => ({ id, routes: [], legs: cidrs.map((cidr, i) => ({ subnet: `${id}${i}`, network: `net ${id}${i}`, cidr })), outside: [], ...more })
let made = 0
const member = (router: string, imports: string[], exports: string[], more: Partial<Member> = {}): Member => ({ router, association: `a${made}`, network: null, port: null, advertise: true, routes: [], createdAt: made++, preference: null, fixed: [], imports, exports, ...more })
const learns = (speakers: Speaker[], members: Member[], id: string) => exchange(speakers, members).get(id)!.byRouters.map((r) => `${r.destination} ${r.router}`)

it('a router learns what is exported with a target it imports, and nothing else', () => {
  const all = [router('a', ['10.1.0.0/24', 'fd00:1::/64']), router('b', ['10.2.0.0/24']), router('c', ['10.3.0.0/24'])]
  const members = [member('a', ['1:1'], ['1:1', '1:2']), member('b', ['1:1'], ['1:1']), member('c', ['1:2'], ['1:3'])]
  expect(learns(all, members, 'a')).toEqual(['10.2.0.0/24 b'])
  expect(learns(all, members, 'b')).toEqual(['10.1.0.0/24 a', 'fd00:1::/64 a'])
  expect(learns(all, members, 'c')).toEqual(['10.1.0.0/24 a', 'fd00:1::/64 a'])
})

it('extra routes are told unless the association says not', () => {
  const all = [router('a', ['10.1.0.0/24'], { routes: [{ destination: '192.168.0.0/16', nexthop: '10.1.0.9' }] }), router('b', ['10.2.0.0/24'])]
  expect(learns(all, [member('a', ['1:1'], ['1:1']), member('b', ['1:1'], ['1:1'])], 'b')).toEqual(['10.1.0.0/24 a', '192.168.0.0/16 a'])
  expect(learns(all, [member('a', ['1:1'], ['1:1'], { advertise: false }), member('b', ['1:1'], ['1:1'])], 'b')).toEqual(['10.1.0.0/24 a'])
})

it('a network tells its own subnets through the routers beside it, a port its addresses and what it leads to', () => {
  const all = [router('a', ['10.1.0.0/24', '10.9.0.0/24']), router('b', ['10.2.0.0/24'])], b = member('b', ['1:1'], [])
  expect(learns(all, [member('a', [], ['1:1'], { network: 'net a1' }), b], 'b')).toEqual(['10.9.0.0/24 a'])
  const port = member('a', [], ['1:1'], { network: 'net a0', port: 'p', fixed: [{ subnet: 'a0', address: '10.1.0.7' }, { subnet: 'elsewhere', address: '10.77.0.7' }], routes: [{ prefix: '172.20.0.0/16', local_pref: null }, { prefix: 'fd77::/64', local_pref: null }] })
  expect(learns(all, [port, b], 'b')).toEqual(['10.1.0.7/32 a', '172.20.0.0/16 a'])
  expect(exchange(all, [port, b]).get('a')!.byPorts).toEqual([{ destination: '172.20.0.0/16', nexthop: '10.1.0.7' }])
  expect(learns(all, [{ ...port, advertise: false }, b], 'b')).toEqual(['172.20.0.0/16 a'])
})

it('what a router knows by itself goes before what it learns, and is not told as another\'s', () => {
  const all = [
    router('a', ['10.1.0.0/24'], { routes: [{ destination: '192.168.0.0/16', nexthop: '10.1.0.9' }], outside: [{ cidr: '203.0.113.0/24', gateway: '203.0.113.1' }] }),
    router('b', ['10.1.0.0/25', '203.0.113.128/25', '10.1.0.0/16'], { routes: [{ destination: '192.168.0.0/16', nexthop: '10.1.0.9' }, { destination: '0.0.0.0/0', nexthop: '10.1.0.9' }] }),
  ]
  expect(learns(all, [member('a', ['1:1'], []), member('b', [], ['1:1'])], 'a')).toEqual(['10.1.0.0/16 b'])
  // A port cannot take the way out from the router it is behind, so nobody is told that it leads there.
  const port = member('a', [], ['1:1'], { network: 'net a0', port: 'p', advertise: false, fixed: [{ subnet: 'a0', address: '10.1.0.7' }], routes: [{ prefix: '0.0.0.0/0', local_pref: null }] })
  expect(learns(all, [port, member('b', ['1:1'], [])], 'b')).toEqual([])
})

it('of two who tell the same, the more preferred one is believed, then the older', () => {
  const all = [router('a', ['10.1.0.0/24']), router('b', ['10.2.0.0/24']), router('c', ['10.2.0.0/24'])]
  const a = member('a', ['1:1'], []), b = member('b', [], ['1:1']), c = member('c', [], ['1:1'])
  expect(learns(all, [a, c, b], 'a')).toEqual(['10.2.0.0/24 b'])
  expect(learns(all, [a, b, { ...c, preference: 200 }], 'a')).toEqual(['10.2.0.0/24 c'])
  expect(learns(all, [a, { ...b, preference: 50 }, c], 'a')).toEqual(['10.2.0.0/24 c'])
  const ports = ['7', '8'].map((n, i) => member('b', [], ['1:1'], { network: 'net b0', port: n, advertise: false, fixed: [{ subnet: 'b0', address: `10.2.0.${n}` }], routes: [{ prefix: '172.20.0.0/16', local_pref: i ? 300 : null }] }))
  expect(exchange(all, [a, ...ports]).get('b')!.byPorts).toEqual([{ destination: '172.20.0.0/16', nexthop: '10.2.0.8' }])
})

it('routers that are away tell nothing, and nobody learns of itself', () => {
  const members = [member('a', ['1:1'], ['1:1']), member('b', ['1:1'], ['1:1'])]
  expect(learns([router('a', ['10.1.0.0/24'])], members, 'a')).toEqual([])
})

it('where routers meet, each has an address of its own that follows from its id', () => {
  const id = '0a1b2c3d-4e5f-4000-8000-000000000001'
  expect(meetingMac(id)).toBe('f2:0a:1b:2c:3d:4e')
  expect(nextHop(id)).toBe('fe80::f00a:1bff:fe2c:3d4e')
})
