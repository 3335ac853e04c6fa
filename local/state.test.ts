import { expect, test } from 'vitest'
import { parse } from './options.ts'
import { withState, type State } from './state.ts'

const state = (hypervisor: State['hypervisor'], hosts: number): State => ({ hypervisor, hosts, externalCidr: '172.24.4.0/24' })
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
