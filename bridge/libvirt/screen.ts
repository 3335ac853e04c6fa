import { once } from 'node:events'
import { constants, openSync } from 'node:fs'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { ReadStream } from 'node:tty'
import { Terminal } from '../drivers.ts'
import type { Virsh } from './virsh.ts'
import { read } from './xml.ts'

/** QEMU's own VNC server, which listens on this machine only. */
export async function vnc(port: number | undefined): Promise<Duplex> {
  if (port === undefined) throw new Terminal('this server has no screen')
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect', { signal: AbortSignal.timeout(5000) })
  return socket
}

/** The guest's first serial line: both ways, and without waiting in a write for a guest that does not read. */
export async function serial(virsh: Virsh, name: string): Promise<Duplex> {
  const { devices } = read(await virsh.call('dumpxml', name)).domain[0]
  const path = [devices.serial].flat()[0]?.source?.['@path'] as string | undefined
  if (!path || !/^\/dev\/pts\/\d+$/.test(path)) throw new Terminal('this server has no serial line')
  // With a terminal under it this stream goes both ways.
  return new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)) as unknown as Duplex
}
