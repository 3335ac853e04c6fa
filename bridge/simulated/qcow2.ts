/**
 * An empty, valid qcow2 of a given size, made of bytes alone: a machine without QEMU's tools can simulate too.
 * Layout, in 64 KiB clusters: header, refcount table, one refcount block, L1 table (one cluster covers 4 TiB), then one
 * cluster of content that makes each disk's bytes its own.
 */
const cluster = 65536

export function emptyQcow2(virtualSize: number, mark: string): Buffer {
  const l1Size = Math.ceil(virtualSize / (cluster * (cluster / 8)))
  const l1Clusters = Math.max(1, Math.ceil((l1Size * 8) / cluster))
  const l2At = 3 + l1Clusters, dataAt = l2At + 1, clusters = dataAt + 1
  const file = Buffer.alloc(clusters * cluster)
  file.write('QFI\xfb', 0, 'latin1')
  file.writeUInt32BE(3, 4)
  file.writeUInt32BE(16, 20)
  file.writeBigUInt64BE(BigInt(virtualSize), 24)
  file.writeUInt32BE(l1Size, 36)
  file.writeBigUInt64BE(BigInt(3 * cluster), 40)
  file.writeBigUInt64BE(BigInt(cluster), 48)
  file.writeUInt32BE(1, 56)
  file.writeUInt32BE(4, 96)
  file.writeUInt32BE(104, 100)
  file.writeBigUInt64BE(BigInt(2 * cluster), cluster)
  for (let index = 0; index < clusters; index++) file.writeUInt16BE(1, 2 * cluster + index * 2)
  const copied = 1n << 63n
  file.writeBigUInt64BE(copied | BigInt(l2At * cluster), 3 * cluster)
  file.writeBigUInt64BE(copied | BigInt(dataAt * cluster), l2At * cluster)
  file.write(mark, dataAt * cluster)
  return file
}
