import { expect, test } from 'vitest'
import { parse } from './options.ts'
import { withState, type State } from './state.ts'

const state = (hypervisor: State['hypervisor'], hosts: number): State => ({ hypervisor, hosts, externalCidr: '172.24.4.0/24' })
const driver = (args: string[], before?: State) => withState(parse(args), before).networkDriver
const started = (args: string[], before?: State) => { const { hypervisor, hosts } = withState(parse(args), before); return [hypervisor, hosts] }

test('a later start is as the first one was', () => {
  expect(started([])).toEqual([undefined, 1])
  expect(started([], state('libvirt', 3))).toEqual(['libvirt', 3])
  expect(started(['--hosts', '3'], state('libvirt', 3))).toEqual(['libvirt', 3])
  expect(started(['--hosts', '5'], state('simulated', 3))).toEqual(['simulated', 5])
})
test('several real hosts become more, and are not taken for one', () => {
  expect(started(['--hosts', '4'], state('libvirt', 3))).toEqual(['libvirt', 4])
  expect(() => started(['--hosts', '2'], state('libvirt', 3))).toThrow(/only become more/)
  expect(() => started(['--hypervisor', 'libvirt', '--hosts', '2'], state('libvirt', 1))).toThrow(/stays one/)
  expect(() => started(['--hosts', '2'], state('libvirt', 1))).toThrow(/libvirt hypervisor/)
})
test('what carries networks between hosts is chosen once, and where there are several real ones', () => {
  const switched = ['--hypervisor', 'libvirt', '--hosts', '3', '--network-driver', 'openvswitch'], before: State = { ...state('libvirt', 3), networkDriver: 'openvswitch' }
  expect([driver([]), driver(switched), driver([], before), driver(switched, before), driver([], state('libvirt', 3))]).toEqual(['linuxbridge', 'openvswitch', 'openvswitch', 'openvswitch', 'linuxbridge'])
  for (const args of [switched.slice(2), [...switched.slice(0, 2), ...switched.slice(4)], ['--hosts', '0', ...switched.slice(4)]]) expect(() => driver(args)).toThrow(/several real hosts/)
  expect(() => driver(switched, state('libvirt', 3))).toThrow(/network driver linuxbridge/)
  expect(() => driver([...switched.slice(0, 4), '--network-driver', 'linuxbridge'], before)).toThrow(/network driver openvswitch/)
})
test('physical networks are those named last', () => {
  const at = (args: string[], physical?: State['physical']) => withState(parse(args), { ...state('libvirt', 1), physical }).physical
  expect([at([]), at(['--physical-network', 'a=eth1', '--physical-network=b=eth2']), at([], { a: 'eth1' }), at(['--physical-network', 'b=eth2'], { a: 'eth1' })]).toEqual([undefined, { a: 'eth1', b: 'eth2' }, { a: 'eth1' }, { b: 'eth2' }])
})
