import { chmod, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Joins two connections until both ways have ended; either one's end is the other's. */
export function join(a: Duplex, b: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let open = 2
    const over = () => { if (--open === 0) resolve() }
    for (const [from, to] of [[a, b], [b, a]] as const) {
      from.on('error', () => to.destroy()).on('close', () => { if (!from.readableEnded) to.destroy(); over() })
      from.pipe(to)
    }
  })
}

export const connectTo = async (path: string): Promise<Socket> => {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}

/** A socket on this host whose every connection goes on at the other; closing it ends them. */
export async function tunnel(path: string, dial: () => Promise<Duplex>): Promise<() => Promise<void>> {
  const open = new Set<Duplex>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    socket.pause()
    dial().then((stream) => { open.add(stream); stream.on('close', () => open.delete(stream)); void join(socket, stream) }, (error: Error) => socket.destroy(error))
  })
  await rm(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  // QEMU may run as another user; who finds the socket must have found its folder.
  await chmod(path, 0o666)
  return async () => {
    server.close()
    for (const socket of open) socket.destroy()
    await rm(path, { force: true })
  }
}
