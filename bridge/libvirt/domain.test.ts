import { describe, expect, test } from 'vitest'
import type { DomainSpec } from '../../schema/jobs.ts'
import { parse as definitions } from './definition.ts'
import type { Host } from './devices.ts'
import { domainXml } from './domain.ts'
import { Store } from './store.ts'
import { read, write } from './xml.ts'

const store = new Store('/state')
const host: Host = { tag: 'beef', virtType: 'qemu', cache: 'none', store, tap: (port) => `vgbeef${port.slice(0, 6)}` }
const id = '11111111-2222-4333-8444-555555555555'
const volume = 'aaaaaaaa-2222-4333-8444-555555555555'
const spec: DomainSpec = {
  uuid: id, name: 'web', project: '0'.repeat(32), flavor: 'm1.nano', requestId: 'req-1', vcpus: 2, memoryMb: 256,
  disks: [
    { ref: { kind: 'root', id }, device: 'vda', bus: 'virtio', boot: 0 },
    { ref: { kind: 'volume', id: volume }, device: 'vdb', bus: 'virtio', serial: volume, readonly: true },
  ],
  nics: [{ port: id, network: id, mac: 'fa:16:3e:00:00:01', mtu: 1450, model: 'virtio' }],
  configDrive: true,
}
const domain = (change: Partial<DomainSpec> = {}, drive?: string, on = host) => read(domainXml({ ...spec, ...change }, on, drive)).domain[0]

describe('a value never becomes markup', () => {
  const hostile = [
    '</virga:name></virga:guest></metadata><devices><hostdev/></devices>', ']]>', '<![CDATA[x]]>', '&lt;&amp;&#0;&xxe;', `"'><emulator>/bin/sh</emulator>`,
    'two\nlines\r\n\ttab', '名前 ☂ 🌧', '<!-- -->', '<?xml version="1.0"?>', '@type', '#text', '__proto__', '$(id)`id`', 'true', '  ', '007',
  ]
  test.each(hostile)('%j as a server name', (name) => {
    const made = domain({ name })
    // An XML parser may only fold line ends and trim; anything else would be a change of content.
    const same = (text: unknown) => String(text ?? '').replace(/\s+/g, ' ').trim()
    expect(same(made.metadata['virga:guest']['virga:name'])).toBe(same(name))
    expect({ ...made, metadata: 0 }).toEqual({ ...domain(), metadata: 0 })
  })
  test.each(hostile)('%j as a flavor, in an attribute', (flavor) => {
    const made = domain({ flavor })
    expect(Object.keys(made.metadata['virga:guest']).sort()).toEqual(Object.keys(domain().metadata['virga:guest']).sort())
    expect({ ...made, metadata: 0 }).toEqual({ ...domain(), metadata: 0 })
  })
  test('what XML cannot carry is replaced, since libvirt would refuse the whole document', () => {
    expect(read(write({ a: 'x\u0000\u0001\u001f\ufffe\ud800y', b: { '@c': '\u0008' } }))).toEqual({ a: 'x\ufffd\ufffd\ufffd\ufffd\ufffdy', b: { '@c': '\ufffd' } })
  })
  test('an attribute that says true keeps its value', () => expect(write({ a: { '@b': 'true' } })).toBe('<a b="true"/>'))
})

describe('a domain', () => {
  test('is named after cloud and server, and knows whose it is', () => {
    const made = domain()
    expect(made.name).toBe(`virga-beef-${id}`)
    expect(made.metadata['virga:guest']).toMatchObject({ '@tag': 'beef', '@request': 'req-1', '@project': spec.project, '@xmlns:virga': 'urn:virga:guest:1' })
  })
  test('says the format of every disk, so that none is ever probed', () => {
    const { disk } = domain({}, '/state/config/x.iso').devices
    expect(disk.map((d: any) => [d.driver['@type'], d.source['@file']])).toEqual([
      ['qcow2', `/state/disks/root/${id}.qcow2`], ['qcow2', `/state/disks/volume/${volume}.qcow2`], ['raw', '/state/config/x.iso'],
    ])
  })
  test('boots from what is marked, and shows a volume under its id, read-only when asked', () => {
    const { disk } = domain().devices
    expect(disk[0].boot).toEqual({ '@order': '1' })
    expect(disk[1].boot).toBeUndefined()
    expect(disk[1].serial).toBe(volume)
    expect(disk[1].readonly).toBe('')
    expect(disk[0].readonly).toBeUndefined()
  })
  test('opens the tap that is there already, and makes none', () => {
    expect(domain().devices.interface[0]).toMatchObject({ '@type': 'ethernet', target: { '@dev': 'vgbeef111111', '@managed': 'no' }, mac: { '@address': 'fa:16:3e:00:00:01' }, mtu: { '@size': '1450' } })
  })
  test('shows its screen on loopback only', () => {
    expect(domain().devices.graphics).toMatchObject({ '@type': 'vnc', '@listen': '127.0.0.1', '@autoport': 'yes' })
    expect(domain({ video: 'none' }).devices.graphics).toBeUndefined()
  })
  test('gets its config drive as a CD-ROM on pc, as a virtio disk on q35, where no disk is in the way', () => {
    expect(domain({}, '/c.iso').devices.disk.at(-1)).toMatchObject({ '@device': 'cdrom', target: { '@dev': 'hda', '@bus': 'ide' } })
    const taken = domain({ machine: 'q35', disks: [{ ...spec.disks[0], device: 'vdz' }] }, '/c.iso').devices.disk.at(-1)
    expect(taken).toMatchObject({ '@device': 'disk', target: { '@dev': 'vdy', '@bus': 'virtio' }, readonly: '' })
  })
  test('with UEFI is a q35 with the firmware libvirt finds', () => {
    const { os, devices } = domain({ firmware: 'uefi' })
    expect(os['@firmware']).toBe('efi')
    expect(os.type['@machine']).toBe('q35')
    expect(devices.controller.filter((c: any) => c['@model'] === 'pcie-root-port').length).toBeGreaterThan(12)
  })
  test('on KVM can be moved to a like host', () => expect(domain({}, undefined, { ...host, virtType: 'kvm' }).cpu['@mode']).toBe('host-model'))
  test('emulated, has memory that QEMU keeps track of page by page', () => {
    const args = (on: Host) => domain({}, undefined, on)['qemu:commandline']?.['qemu:arg'].map((a: any) => a['@value'])
    expect(args(host)).toEqual(['-object', 'memory-backend-ram,id=guest,size=262208K', '-machine', 'memory-backend=guest', '-m', '262208K'])
    expect(args({ ...host, virtType: 'kvm' })).toBeUndefined()
  })
  test('with a SCSI disk has a controller that guests have drivers for', () => {
    expect(domain({ disks: [{ ...spec.disks[0], device: 'sda', bus: 'scsi' }] }).devices.controller).toEqual([{ '@type': 'scsi', '@model': 'virtio-scsi' }])
  })
})

test('running and kept definitions are told apart', () => {
  const xml = domainXml(spec, host, '/c.iso', 5000)
  const [now, kept] = definitions(`${xml}\n\n${domainXml({ ...spec, disks: [], nics: [] }, host)}\n`)
  expect(now).toEqual({
    disks: [{ path: `/state/disks/root/${id}.qcow2`, device: 'vda' }, { path: `/state/disks/volume/${volume}.qcow2`, device: 'vdb' }],
    nics: [{ mac: 'fa:16:3e:00:00:01', tap: 'vgbeef111111' }], scsi: true, started: 5,
  })
  expect(kept).toMatchObject({ disks: [], nics: [] })
})
