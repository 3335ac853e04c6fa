import { open } from 'node:fs/promises'
import { Hopeless } from '../drivers.ts'

const externalData = 0x4n
const knownIncompatible = 0x1fn

export interface Header { virtualSize: number; version: number; backing: boolean; externalData: boolean; encrypted: boolean; unknown: boolean }

/** The fixed head of a qcow2 file, read without QEMU: nothing it names is opened, and a guest that has the file open does not matter. */
export async function header(path: string): Promise<Header> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(104), 0, 104, 0)
    if (bytesRead < 72 || buffer.toString('latin1', 0, 4) !== 'QFI\xfb') throw new Hopeless('not a qcow2 image')
    const version = buffer.readUInt32BE(4)
    const features = version >= 3 && bytesRead >= 80 ? buffer.readBigUInt64BE(72) : 0n
    return {
      version, virtualSize: Number(buffer.readBigUInt64BE(24)),
      backing: buffer.readBigUInt64BE(8) !== 0n || buffer.readUInt32BE(16) !== 0,
      encrypted: buffer.readUInt32BE(32) !== 0,
      externalData: (features & externalData) !== 0n,
      unknown: (features & ~knownIncompatible) !== 0n,
    }
  } finally { await file.close() }
}
