import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { notImplemented } from './fault.ts'

export interface Digest { update(data: Buffer): unknown; base64(): string }

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1
  return n >>> 0
})
const castagnoli = (data: Buffer, from: number) => {
  let c = ~from
  for (let i = 0; i < data.length; i++) c = table[(c ^ data[i]) & 255] ^ (c >>> 8)
  return ~c >>> 0
}
const rolling = (step: (data: Buffer, from: number) => number): Digest => {
  let value = 0
  return {
    update: (data) => { value = step(data, value) },
    base64: () => { const four = Buffer.alloc(4); four.writeUInt32BE(value); return four.toString('base64') },
  }
}
const hashing = (name: string): Digest => {
  const hash = createHash(name)
  return { update: (data) => hash.update(data), base64: () => hash.digest('base64') }
}

/** A digest by the name that follows `x-amz-checksum-`. */
export function checksum(name: string): Digest {
  switch (name) {
    case 'crc32': return rolling(crc32)
    case 'crc32c': return rolling(castagnoli)
    case 'sha1': case 'sha256': case 'md5': return hashing(name)
    default: throw notImplemented(`Checksum ${name}`)
  }
}
