import { bounded, refuse, viewOf } from './format.ts'
import type { Facts } from './inspector.ts'

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (h) => parseInt(h, 16))
const METADATA = bytes('06a27c8b90479a4bb8fe575f050f886e')
const DISK_SIZE = bytes('2442a52f1bcd7648b2115dbed83bf4b8')
const PARAMETERS = bytes('3767a1ca36fa434db3b633f0aa44e76b')
const same = (a: Uint8Array, at: number, b: Uint8Array) => b.every((x, i) => a[at + i] === x)

/** The footer of a VHD, of which dynamic ones keep a copy in front and fixed ones only the last sector. */
export function vhd(footer: Uint8Array): Facts {
  if (footer.length < 512) throw refuse('the VHD footer is cut off')
  const v = viewOf(footer)
  const type = v.getUint32(60)
  if (type !== 2 && type !== 3) throw refuse(type === 4 ? 'the VHD image has a parent' : `VHD disk type ${type} is not known`)
  return { virtualSize: bounded(v.getBigUint64(48), 'VHD') }
}

export function vdi(head: Uint8Array): Facts {
  if (head.length < 0x200) throw refuse('the VDI header is cut off')
  const v = viewOf(head)
  const type = v.getUint32(0x4c, true)
  if (type !== 1 && type !== 2) throw refuse('the VDI image has a parent, or is of a type that is not known')
  return { virtualSize: bounded(v.getBigUint64(0x170, true), 'VDI') }
}

/** Header, region table, metadata region: each says where the next one is. */
export function vhdx(head: Uint8Array): Facts {
  const table = 0x30000
  if (head.length < table + 0x10000) throw refuse('the VHDX region table is cut off')
  const v = viewOf(head)
  if (v.getUint32(table, true) !== 0x69676572) throw refuse('the VHDX region table is missing')
  const entries = Math.min(v.getUint32(table + 8, true), 64)
  for (let i = 0; i < entries; i++) {
    const at = table + 16 + i * 32
    if (!same(head, at, METADATA)) continue
    const offset = Number(v.getBigUint64(at + 16, true))
    if (!Number.isSafeInteger(offset) || offset < 0x40000 || offset > 2 ** 30) throw refuse('the VHDX metadata lies out of reach')
    return { virtualSize: 0, region: { offset, length: 0x20000, then: metadata } }
  }
  throw refuse('the VHDX image has no metadata')
}

function metadata(region: Uint8Array): Facts {
  const v = viewOf(region)
  if (region.length < 0x10000 || new TextDecoder('latin1').decode(region.subarray(0, 8)) !== 'metadata') throw refuse('the VHDX metadata is cut off')
  let size: bigint | undefined, parent = true
  for (let i = 0; i < Math.min(v.getUint16(10, true), 64); i++) {
    const at = 32 + i * 32, offset = v.getUint32(at + 16, true)
    if (offset + 8 > region.length) continue
    if (same(region, at, DISK_SIZE)) size = v.getBigUint64(offset, true)
    if (same(region, at, PARAMETERS)) parent = (v.getUint32(offset + 4, true) & 2) !== 0
  }
  if (parent) throw refuse('the VHDX image has a parent')
  return { virtualSize: bounded(size ?? 0n, 'VHDX') }
}
