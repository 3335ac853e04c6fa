import { invalid } from '../../kernel/fault.ts'

/** What the first bytes say a file is. `raw` is what nothing else claims. */
export type Format = 'qcow2' | 'qcow' | 'qed' | 'vmdk' | 'vmdk-descriptor' | 'vhd' | 'vhdx' | 'vdi' | 'iso' | 'luks' | 'ploop' | 'raw'

/** As far as the beginning of the volume descriptors of an ISO. */
export const SNIFF = 0x9806

export const ascii = (b: Uint8Array, at: number, length: number) => String.fromCharCode(...b.subarray(at, at + length))
export const viewOf = (b: Uint8Array) => new DataView(b.buffer, b.byteOffset, b.byteLength)
export const refuse = (why: string) => invalid(`Image content refused: ${why}.`, { type: 'InvalidImageData' })

/** Sizes beyond this are taken for an attack or a mistake: 64 TiB. */
export const LARGEST = 2 ** 46
export function bounded(bytes: bigint, what: string): number {
  if (bytes <= 0n) throw refuse(`the ${what} header says its disk is empty`)
  if (bytes > BigInt(LARGEST)) throw refuse(`its virtual size of ${bytes} bytes is beyond the ${LARGEST} bytes a disk may have`)
  return Number(bytes)
}

export function formatOf(head: Uint8Array): Format {
  const magic = ascii(head, 0, 4)
  if (magic === 'QFI\xfb') return head.length > 7 && viewOf(head).getUint32(4) === 1 ? 'qcow' : 'qcow2'
  if (magic === 'QED\0') return 'qed'
  if (magic === 'KDMV' || magic === 'COWD') return 'vmdk'
  if (/^\s*# ?disk descriptorfile/i.test(ascii(head, 0, 64))) return 'vmdk-descriptor'
  if (ascii(head, 0, 8) === 'conectix') return 'vhd'
  if (ascii(head, 0, 8) === 'vhdxfile') return 'vhdx'
  if (ascii(head, 0, 6) === 'LUKS\xba\xbe') return 'luks'
  if (/^Without(FreeSpace|uFreSpacExt|FreSpacExt)/.test(ascii(head, 0, 16)) || ascii(head, 0, 16) === 'WithouFreSpacExt') return 'ploop'
  if (head.length >= 0x44 && viewOf(head).getUint32(0x40, true) === 0xbeda107f) return 'vdi'
  for (const at of [0x8001, 0x8801, 0x9001]) if (ascii(head, at, 5) === 'CD001') return 'iso'
  return 'raw'
}
