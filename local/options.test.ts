import { expect, test } from 'vitest'
import { bracketed, parse, reachable, Usage } from './options.ts'

test('the contract of npm start', () => {
  expect(parse(['--data', '/x', '--port', '81', '--listen', '0.0.0.0', '--hypervisor', 'simulated', '--hosts', '3', '--no-host-packages']))
    .toEqual({ data: '/x', port: 81, listen: '0.0.0.0', publicUrl: undefined, hypervisor: 'simulated', hosts: 3, hostPackages: false })
  expect(parse([])).toMatchObject({ port: 8080, listen: '127.0.0.1', hypervisor: undefined, hosts: undefined, hostPackages: true })
})

test.each([
  [['--port', '0'], /--port takes a number from 1/], [['--port', '1e3'], /--port/], [['--listen', 'localhost'], /--listen takes an IP address/],
  [['--hypervisor', 'xen'], /libvirt or simulated/], [['--hosts', '65', '--hypervisor', 'libvirt'], /up to 64/], [['--hosts', '10001'], /--hosts/],
  [['--network-driver', 'ovn'], /linuxbridge or openvswitch/], [['--physical-network', 'physnet1'], /NAME=DEVICE/], [['--physical-network', 'external=eth1'], /another name/], [['--what'], /--what/], [['stray'], /stray/], [['--public-url', 'https://a.b/c'], /without a path/], [['--data', ''], /folder/],
  [['--s3-url', 's3://a'], /http/], [['--s3-url', 'http://key:secret@a'], /http/], [['--libsql-url', 'file:x.db'], /libsql:/],
])('%j is refused by name', (args, why) => {
  expect(() => parse(args)).toThrow(Usage)
  expect(() => parse(args)).toThrow(why)
})

test('IPv6 addresses stand in brackets, and "all" is reached by an address of this machine', () => {
  expect([bracketed('::1'), bracketed('10.0.0.1')]).toEqual(['[::1]', '10.0.0.1'])
  expect(reachable('192.0.2.9')).toBe('192.0.2.9')
  expect(reachable('0.0.0.0')).not.toBe('0.0.0.0')
})
