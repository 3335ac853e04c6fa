import { ascii, bounded, refuse, viewOf } from './format.ts'
import type { Facts } from './inspector.ts'

/** Of VMware's many shapes only those that keep everything in the one file. */
const SELF_CONTAINED = ['monolithicsparse', 'streamoptimized']

export function vmdk(head: Uint8Array): Facts {
  if (ascii(head, 0, 4) !== 'KDMV' || head.length < 512) throw refuse('this VMDK is not a self-contained sparse file')
  const v = viewOf(head)
  const version = v.getUint32(4, true)
  if (version < 1 || version > 3) throw refuse(`VMDK version ${version} is not known`)
  const sectors = v.getBigUint64(12, true), at = Number(v.getBigUint64(28, true)) * 512, length = Number(v.getBigUint64(36, true)) * 512
  if (!at || !length || length > 65536 || at + length > head.length) throw refuse('the VMDK descriptor is missing or out of reach')
  descriptor(new TextDecoder('latin1').decode(head.subarray(at, at + length)).split('\0')[0])
  return { virtualSize: bounded(sectors * 512n, 'VMDK') }
}

function descriptor(text: string) {
  const value = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*"?([^"\\r\\n]*)"?`, 'im').exec(text)?.[1].trim().toLowerCase()
  const type = value('createType')
  if (!type || !SELF_CONTAINED.includes(type)) throw refuse(`the VMDK subformat ${(type ?? 'none').replace(/[^\w]/g, '?').slice(0, 32)} names other files; only monolithicSparse and streamOptimized are taken`)
  if ((value('parentCID') ?? 'ffffffff') !== 'ffffffff' || value('parentFileNameHint')) throw refuse('the VMDK image has a parent')
  const extents = text.split(/\r?\n/).filter((line) => /^\s*(RW|RDONLY|NOACCESS)\s/i.test(line))
  if (extents.length !== 1) throw refuse(`the VMDK image has ${extents.length} extents; one is taken`)
  const extent = /^\s*(RW|RDONLY)\s+\d+\s+SPARSE\s+"([^"/\\]+)"\s*$/i.exec(extents[0])
  if (!extent) throw refuse('the VMDK extent is not a sparse one of the same file')
}
