import { ascii, bounded, refuse, viewOf } from './format.ts'
import type { Facts } from './inspector.ts'

const MB = 2 ** 20
/** Dirty, corrupt, external data, compression type, extended L2: what has a name. */
const KNOWN = 0x1fn, CORRUPT = 0x2n, EXTERNAL = 0x4n
const BACKING_FORMAT = 0xe2792aca, DATA_FILE = 0x44415441

/** Everything of a qcow2 header that could make a reader open another file, or work without end. */
export function qcow2(head: Uint8Array): Facts {
  if (head.length < 72) throw refuse('the qcow2 header is cut off')
  const v = viewOf(head)
  const version = v.getUint32(4)
  if (version !== 2 && version !== 3) throw refuse(`qcow2 version ${version} is not known`)
  if (v.getBigUint64(8) !== 0n || v.getUint32(16) !== 0) throw refuse('the qcow2 image has a backing file; flatten it first (qemu-img convert)')
  const clusterBits = v.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21) throw refuse(`the qcow2 cluster size of 2^${clusterBits} bytes is out of range`)
  const cluster = 2 ** clusterBits
  const virtualSize = bounded(v.getBigUint64(24), 'qcow2')
  if (v.getUint32(32) !== 0) throw refuse('the qcow2 image is encrypted, which no host here can open')
  const l1Entries = v.getUint32(36), l1At = v.getBigUint64(40)
  const needed = Math.ceil(virtualSize / (cluster * (cluster / 8)))
  if (l1Entries > 32 * MB / 8) throw refuse(`the qcow2 L1 table of ${l1Entries} entries is too large`)
  if (l1Entries < needed) throw refuse('the qcow2 L1 table is too small for the disk')
  if (l1At % BigInt(cluster) !== 0n) throw refuse('the qcow2 L1 table is not aligned')
  const refcountAt = v.getBigUint64(48), refcountClusters = v.getUint32(56)
  if (refcountClusters * cluster > 8 * MB) throw refuse('the qcow2 refcount table is too large')
  if (refcountAt % BigInt(cluster) !== 0n) throw refuse('the qcow2 refcount table is not aligned')
  if (v.getUint32(60) > 0) throw refuse('the qcow2 image carries internal snapshots; flatten it first (qemu-img convert)')
  if (version === 3) features(head, v, cluster)
  else extensions(head, v, 72, cluster)
  const end = Number(l1At) + l1Entries * 8
  return {
    virtualSize,
    whole: (size) => {
      if (!Number.isSafeInteger(end) || end > size) throw refuse('the qcow2 image is cut off: its L1 table lies beyond its end')
      if (Number(refcountAt) + refcountClusters * cluster > size + cluster) throw refuse('the qcow2 image is cut off: its refcount table lies beyond its end')
    },
  }
}

function features(head: Uint8Array, v: DataView, cluster: number) {
  if (head.length < 104) throw refuse('the qcow2 header is cut off')
  const incompatible = v.getBigUint64(72)
  if (incompatible & EXTERNAL) throw refuse('the qcow2 image keeps its data in another file')
  if (incompatible & CORRUPT) throw refuse('the qcow2 image is marked corrupt')
  if (incompatible & ~KNOWN) throw refuse('the qcow2 image uses features that are not known')
  if (v.getUint32(96) > 6) throw refuse('the qcow2 refcount width is out of range')
  const length = v.getUint32(100)
  if (length < 104 || length > cluster || length % 8) throw refuse(`the qcow2 header length of ${length} bytes is out of range`)
  if (length > 104 && head.length > 104 && v.getUint8(104) > 1) throw refuse('the qcow2 compression type is not known')
  extensions(head, v, length, cluster)
}

/** The list after the header, within the first cluster. */
function extensions(head: Uint8Array, v: DataView, from: number, cluster: number) {
  for (let at = from, n = 0; at + 8 <= Math.min(cluster, head.length); n++) {
    const type = v.getUint32(at), length = v.getUint32(at + 4)
    if (type === 0) return
    if (n > 64 || at + 8 + length > cluster) throw refuse('the qcow2 header extensions do not end')
    if (type === DATA_FILE) throw refuse('the qcow2 image names an external data file')
    if (type === BACKING_FORMAT && length > 0) throw refuse(`the qcow2 image names the format of a backing file (${ascii(head, at + 8, Math.min(length, 16)).replace(/[^\w-]/g, '?')})`)
    at += 8 + Math.ceil(length / 8) * 8
  }
}
