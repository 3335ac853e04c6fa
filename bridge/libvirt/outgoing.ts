import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { DiskRef } from '../../schema/jobs.ts'
import { Terminal, type Going } from '../drivers.ts'
import { dial, type Way } from '../peers/door.ts'
import { join } from '../peers/tunnel.ts'
import type { Locks } from './locks.ts'
import { header } from './qcow2.ts'
import { inUse, run, CommandFailed } from './run.ts'
import type { Store } from './store.ts'

const day = 86_400

/** A disk as the guest sees it, copied into a new one on the other host: only what is written, and nothing in between. */
export async function sendDisk(store: Store, locks: Locks, way: Way, ref: DiskRef, { signal, progress }: Going): Promise<number> {
  const path = store.disk(ref)
  const { virtualSize } = await header(path).catch(() => { throw new Terminal(`the ${ref.kind} disk to send is not on this host`) })
  const { stream } = await dial(way, { what: 'disk', ref, bytes: virtualSize }, signal)
  const socket = store.temp('nbd')
  const server = createServer((client) => { server.close(); void join(client, stream) })
  try {
    server.listen(socket)
    await once(server, 'listening')
    progress(`sending the ${ref.kind} disk`)
    const copy = (...more: string[]) => run('qemu-img', ['convert', '-n', ...more, '-f', 'qcow2', '-O', 'raw', '-t', 'writeback', path, `nbd+unix:///?socket=${socket}`], { seconds: day })
    await locks.with([path], () => copy('--target-is-zero').catch((error) => { throw error instanceof CommandFailed && inUse.test(error.output) ? new Error('the disk is in use') : error }))
    if (!stream.closed) await once(stream, 'close').catch(() => {})
    await dial(way, { what: 'keep', ref }, signal)
    return stream.bytesWritten
  } finally {
    stream.destroy()
    server.close()
    await rm(socket, { force: true })
  }
}

/** A small file that goes along; content when there is none. */
export async function sendFile(way: Way, name: 'config' | 'console', path: string, signal: AbortSignal): Promise<void> {
  const size = await stat(path).then((s) => s.size, () => undefined)
  if (size === undefined) return
  const { stream } = await dial(way, { what: 'file', name, bytes: size }, signal)
  if (size) await pipeline(createReadStream(path, { end: size - 1 }), stream, { end: true })
  else stream.end()
  ;(await dial(way, { what: 'filed', name }, signal)).stream.destroy()
  stream.destroy()
}
