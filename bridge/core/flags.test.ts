import { expect, test } from 'vitest'
import { flags } from './flags.ts'

const read = (...args: string[]) => flags(['--cloud', 'http://127.0.0.1:1', '--state', '/tmp/s', ...args], {}).physical

test('physical networks and the devices that lead to them', () => {
  expect(read()).toEqual({})
  expect(read('--external-device', 'eth1')).toEqual({ external: 'eth1' })
  expect(read('--physical-network', 'physnet1=eth2', '--physical-network=rack.2:a=eth3', '--external-device', 'eth1')).toEqual({ physnet1: 'eth2', 'rack.2:a': 'eth3', external: 'eth1' })
  expect(read('--physical-network', 'external=eth1', '--external-device', 'eth1')).toEqual({ external: 'eth1' })
  for (const [args, why] of [
    [['physnet1'], 'must be NAME=DEVICE, not physnet1'], [['physnet1=eth0/1'], 'must be NAME=DEVICE'], [['=eth0'], 'must be NAME=DEVICE'], [['a=averylongdevicename'], 'must be NAME=DEVICE'],
    [['a=eth1', 'a=eth2'], 'physical network a is given two devices, eth1 and eth2'], [['a=eth1', 'b=eth1'], 'device eth1 cannot lead to two physical networks, a and b'],
  ] as const) expect(() => read(...args.flatMap((a) => ['--physical-network', a]))).toThrow(why)
  expect(() => read('--physical-network', 'a=eth1', '--external-device', 'eth1')).toThrow('a and external')
})
