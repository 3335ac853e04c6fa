import { expect, test } from 'vitest'
import { allows, read, type Flow, type Match } from './rules.ts'
import { optionValue } from './options.ts'
import { address, cidr, disjoint, domain, firstHost, linkLocal, text } from './values.ts'
import { names } from './names.ts'
import { assignZones } from './state.ts'

const flow = (more: Partial<Flow> = {}): Flow => ({ family: 4, protocol: 6, source: '10.0.0.5', destination: '10.0.0.9', sport: 40000, dport: 22, ...more })
const match = (rule: Parameters<typeof read>[0]) => read(rule) as Match

test('a rule without protocol, ports or remotes allows its family and nothing of the other', () => {
  expect(allows([match({ family: 4 })], 'ingress', flow())).toBe(true)
  expect(allows([match({ family: 6 })], 'ingress', flow())).toBe(false)
})
test('ports are a range, remotes are who sends or who is sent to', () => {
  const rule = match({ family: 4, protocol: 6, min: 20, max: 25, remotes: ['10.0.0.0/29'] })
  expect(allows([rule], 'ingress', flow())).toBe(true)
  expect(allows([rule], 'ingress', flow({ dport: 26 }))).toBe(false)
  expect(allows([rule], 'egress', flow())).toBe(false)
  expect(allows([rule], 'ingress', flow({ protocol: 17 }))).toBe(false)
})
test('an empty group allows nobody; a group of the other family allows nobody', () => {
  expect(read({ family: 4, remotes: [] })).toBeUndefined()
  expect(read({ family: 4, remotes: ['fd00::/8'] })).toBeUndefined()
})
test('everybody is everybody', () => { expect(match({ family: 4, remotes: ['10.0.0.1', '0.0.0.0/0'] }).remotes).toBeUndefined() })
test.each([
  { family: 4, min: 22, max: 22 }, { family: 4, protocol: 51, min: 1, max: 2 }, { family: 4, protocol: 6, min: 9, max: 2 }, { family: 4, protocol: 58, min: 8 },
  { family: 6, protocol: 1, min: 8 }, { family: 4, protocol: 1, min: 256 }, { family: 4, protocol: 1, max: 1 }, { family: 4, remotes: ['10.0.0.0/33'] }, { family: 4, remotes: ['10.0.0.0/8;accept'] },
] as const)('a rule that means nothing is an error: %j', (rule) => { expect(read(rule as never)).toBeInstanceOf(Error) })

test('one spelling per address, and no other things', () => {
  expect(address('FD00:0:0::1')).toBe('fd00::1')
  for (const no of ['1', '010.0.0.1', '10.0.0', 'fe80::1%eth0', '::ffff:1.2.3.4', '1.2.3.4\n', '']) expect(address(no)).toBeUndefined()
  expect(text(cidr('10.1.2.3/16')!)).toBe('10.1.0.0/16')
  for (const no of ['10.0.0.0/', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/+8']) expect(cidr(no)).toBeUndefined()
})
test('prefixes inside others go', () => {
  expect(disjoint(['10.0.0.1/32', '10.0.0.0/24', '10.0.1.0/24', '10.0.0.0/24'].map((c) => cidr(c)!)).map(text)).toEqual(['10.0.0.0/24', '10.0.1.0/24'])
})
test('addresses made', () => {
  expect(linkLocal('fa:16:3e:00:00:01')).toBe('fe80::f816:3eff:fe00:1')
  expect(firstHost(cidr('172.24.4.0/24')!)).toBe('172.24.4.1')
  expect(domain('Example.org.')).toBe('example.org')
  expect(domain('a\nb')).toBeUndefined()
  expect(domain('1.2')).toBeUndefined()
})

test.each([[6, '8.8.8.8, 1.1.1.1', '8.8.8.8,1.1.1.1'], [26, '01400', '1400'], [67, 'pxe/a b.0', 'pxe/a b.0'], [121, '10.0.0.1/8,10.0.0.9', '10.0.0.0/8,10.0.0.9'], [119, 'a.org,b.org', 'a.org,b.org']] as const)(
  'option %i may be %j', (code, value, written) => { expect(optionValue(code, value, 4)).toBe(written) })
test.each([[67, 'a\nb'], [67, 'a,b'], [67, 'a"b'], [67, 'a\\b'], [67, 'a #b'], [67, ''], [6, 'x'], [6, '8.8.8.8,tag:x'], [26, '12'], [26, '70000'], [26, '1e3'], [53, '5'], [54, '10.0.0.1'], [121, '10.0.0.0/8'], [121, '10.0.0.0/8,fd00::1']] as const)(
  'option %i may not be %j', (code, value) => { expect(optionValue(code, value, 4)).toBeUndefined() })
test('options of IPv6', () => {
  expect(optionValue(23, 'fd00::1,[fd00::2]', 6)).toBe('[fd00::1],[fd00::2]')
  expect(optionValue(23, '1.1.1.1', 6)).toBeUndefined()
  expect(optionValue(3, 'x', 6)).toBeUndefined()
})

test('device names fit, and are told from others', () => {
  const n = names('ab12'), id = '01234567-89ab-4cde-8f01-23456789abcd'
  for (const name of [n.bridge(id), n.tap(id), n.vxlan(id), n.dhcpVeth(id), n.interfaceVeth(id), n.gatewayVeth(id), n.ext]) {
    expect(name.length).toBeLessThanOrEqual(15)
    expect(n.ours(name)).toBe(true)
    expect(names('ab13').ours(name)).toBe(false)
  }
  expect(n.ours('vab12world')).toBe(false)
  expect(() => names('xyz')).toThrow('4 hex digits')
})
test('zones are kept, and never another cloud\'s', () => {
  const first = assignZones(['a', 'b'], new Map(), new Set())
  expect(assignZones(['b', 'a'], first, new Set())).toEqual(first)
  const other = assignZones(['a', 'b'], new Map(), new Set(first.values()))
  expect([...other.values()].some((z) => [...first.values()].includes(z))).toBe(false)
  expect(new Set(assignZones(Array.from({ length: 5000 }, (_, i) => `n${i}`), new Map(), new Set()).values()).size).toBe(5000)
})
