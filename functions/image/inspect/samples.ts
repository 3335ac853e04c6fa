/** Small images for tests, made by hand: what a header says is all that is looked at. */
const be = (b: Uint8Array) => new DataView(b.buffer)
const put = (b: Uint8Array, at: number, text: string) => { for (let i = 0; i < text.length; i++) b[at + i] = text.charCodeAt(i) }

export interface Qcow2 { version?: number; backing?: string; incompatible?: bigint; virtualSize?: bigint; l1Entries?: number; headerLength?: number; extension?: number; clusterBits?: number; crypt?: number; snapshots?: number; cut?: number }
/** A qcow2 of 1 MiB and 64 KiB clusters, four of them in the file. */
export function qcow2(o: Qcow2 = {}): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(4 * 65536), v = be(b)
  put(b, 0, 'QFI\xfb')
  v.setUint32(4, o.version ?? 3)
  if (o.backing) { v.setBigUint64(8, 512n); v.setUint32(16, o.backing.length); put(b, 512, o.backing) }
  v.setUint32(20, o.clusterBits ?? 16)
  v.setBigUint64(24, o.virtualSize ?? 1048576n)
  v.setUint32(32, o.crypt ?? 0)
  v.setUint32(36, o.l1Entries ?? 1)
  v.setBigUint64(40, 3n * 65536n)
  v.setBigUint64(48, 65536n)
  v.setUint32(56, 1)
  v.setUint32(60, o.snapshots ?? 0)
  v.setBigUint64(72, o.incompatible ?? 0n)
  v.setUint32(96, 4)
  v.setUint32(100, o.headerLength ?? 104)
  if (o.extension) { v.setUint32(104, o.extension); v.setUint32(108, 8); put(b, 112, 'raw') }
  return b.slice(0, o.cut ?? b.length)
}

export function vmdk(createType: string, extent: string, parent = 'ffffffff'): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(65536), v = be(b)
  put(b, 0, 'KDMV')
  v.setUint32(4, 1, true)
  v.setBigUint64(12, 2048n, true)
  v.setBigUint64(28, 1n, true)
  v.setBigUint64(36, 20n, true)
  put(b, 512, `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=${parent}\ncreateType="${createType}"\n\n${extent}\n`)
  return b
}
export const descriptor = (path: string) => new TextEncoder().encode(`# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n\nRW 2048 FLAT "${path}" 0\n`)
