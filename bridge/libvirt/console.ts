import { open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The end of what a guest wrote; virtlogd moves a full log aside as `.0`, so the end may begin there. */
export async function tail(log: string, bytes: number): Promise<string> {
  const newest = await last(log, bytes)
  const older = newest.length < bytes ? await last(`${log}.0`, bytes - newest.length) : Buffer.alloc(0)
  // A cut may fall inside a character.
  return Buffer.concat([older, newest]).toString('utf8').replace(/^\uFFFD{1,3}/, '')
}

async function last(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error) => { if (error.code === 'ENOENT') return undefined; throw error })
  if (!file) return Buffer.alloc(0)
  try {
    const { size } = await file.stat()
    const length = Math.min(size, bytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally { await file.close() }
}

export async function forget(log: string) {
  const mine = (file: string) => file === basename(log) || file.startsWith(`${basename(log)}.`)
  for (const file of (await readdir(dirname(log))).filter(mine)) await rm(join(dirname(log), file), { force: true })
}
