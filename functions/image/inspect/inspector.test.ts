import { describe, expect, it } from 'vitest'
import { Inspector } from './inspector.ts'
import { descriptor, qcow2, vmdk } from './samples.ts'

/** Fed in pieces of `step` bytes, as a network would. */
function look(declared: string, bytes: Uint8Array, step = 1000) {
  const i = new Inspector(declared)
  for (let at = 0; at < bytes.length; at += step) i.feed(bytes.subarray(at, at + step))
  return i.finish()
}
const zeros = (n: number) => new Uint8Array(n)
const refused = (declared: string, bytes: Uint8Array, why: RegExp) => {
  for (const step of [1, 700, 1 << 20]) if (bytes.length / step < 300_000) expect(() => look(declared, bytes, step)).toThrow(why)
}

describe('what is taken', () => {
  it('a plain qcow2, with its virtual size, however it is cut into pieces', () => {
    for (const step of [1, 104, 65536, 1 << 20]) expect(look('qcow2', qcow2(), step)).toBe(1048576)
    expect(look('qcow2', qcow2({ version: 2 }))).toBe(1048576)
  })
  it('anything that is nothing else, as raw', () => expect(look('raw', zeros(12345))).toBe(12345))
  it('a partitioned disk, as raw', () => { const b = zeros(1024); b[510] = 0x55; b[511] = 0xaa; expect(look('raw', b)).toBe(1024) })
  it('an ISO', () => { const b = zeros(65536); b.set(new TextEncoder().encode('CD001'), 0x8001); expect(look('iso', b)).toBe(65536); refused('raw', b, /declared raw, but its content is iso/) })
  it('a VMDK that keeps all in the one file', () => expect(look('vmdk', vmdk('monolithicSparse', 'RW 2048 SPARSE "disk.vmdk"'))).toBe(1048576))
})

describe('what is refused', () => {
  it('a backing file, of any protocol', () => { for (const backing of ['/etc/passwd', 'json:{"driver":"file","filename":"/etc/shadow"}', 'nbd://127.0.0.1:10809/x']) refused('qcow2', qcow2({ backing }), /backing file/) })
  it('an external data file, by flag and by extension', () => { refused('qcow2', qcow2({ incompatible: 4n }), /another file/); refused('qcow2', qcow2({ extension: 0x44415441 }), /external data file/) })
  it('the format of a backing file', () => refused('qcow2', qcow2({ extension: 0xe2792aca }), /format of a backing file/))
  it('raw that is qcow2, vmdk, luks or vhdx', () => {
    refused('raw', qcow2(), /declared raw, but its content is qcow2/)
    refused('raw', vmdk('monolithicSparse', 'RW 1 SPARSE "x"'), /content is vmdk/)
    refused('raw', new Uint8Array([...new TextEncoder().encode('LUKS'), 0xba, 0xbe, 0, 1, ...zeros(600)]), /content is luks/)
    refused('raw', new TextEncoder().encode('vhdxfile'.padEnd(600, '\0')), /content is vhdx/)
    refused('qcow2', zeros(4096), /declared qcow2, but its content is raw/)
  })
  it('a VMDK descriptor naming a path of the host, bare or within', () => {
    for (const declared of ['vmdk', 'raw', 'qcow2']) refused(declared, descriptor('/etc/passwd'), /names files of another machine/)
    refused('vmdk', vmdk('monolithicFlat', 'RW 2048 FLAT "/etc/passwd" 0'), /names other files/)
    refused('vmdk', vmdk('monolithicSparse', 'RW 2048 SPARSE "/etc/passwd"'), /not a sparse one of the same file/)
    refused('vmdk', vmdk('monolithicSparse', 'RW 2048 FLAT "disk" 0'), /not a sparse one of the same file/)
    refused('vmdk', vmdk('monolithicSparse', 'RW 2048 SPARSE "disk.vmdk"', 'cafecafe'), /parent/)
  })
  it('image bombs: sizes, tables and headers beyond reason', () => {
    refused('qcow2', qcow2({ virtualSize: 2n ** 60n, l1Entries: 4_000_000 }), /virtual size/)
    refused('qcow2', qcow2({ virtualSize: 0n }), /empty/)
    refused('qcow2', qcow2({ l1Entries: 2 ** 31 }), /L1 table of .* too large/)
    refused('qcow2', qcow2({ l1Entries: 300_000 }), /cut off/)
    refused('qcow2', qcow2({ headerLength: 2 ** 30 }), /header length/)
    refused('qcow2', qcow2({ clusterBits: 40 }), /cluster size/)
    refused('qcow2', qcow2({ incompatible: 1n << 40n }), /not known/)
    refused('qcow2', qcow2({ snapshots: 1 }), /internal snapshots/)
    refused('qcow2', qcow2({ crypt: 2 }), /encrypted/)
    for (const cut of [4, 50, 80, 300, 65536]) refused('qcow2', qcow2({ cut }), /cut off/)
  })
  it('early: a wrong upload ends with its first megabyte', () => {
    const i = new Inspector('raw')
    expect(() => { for (let n = 0; n < 64; n++) i.feed(n ? zeros(65536) : qcow2().subarray(0, 65536)) }).toThrow(/qcow2/)
  })
})
