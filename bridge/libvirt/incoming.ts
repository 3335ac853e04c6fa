import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Terminal, type Incoming, type Net, type Virt, type Disks } from '../drivers.ts'
import { same } from '../disk/ref.ts'
import type { Ask } from '../peers/door.ts'
import { connectTo, join } from '../peers/tunnel.ts'
import type { DiskRef } from '../../schema/jobs.ts'
import { create } from './qemu-img.ts'
import { libvirtSocket, sockets } from './sockets.ts'
import type { Store } from './store.ts'

export interface Here { store: Store; uri: string; tag: string; net: Net; virt: Virt; disks: Disks }
/** What the host a server leaves must know of the one it goes to. */
export interface Facts { root: string; tag: string; taps: Record<string, string> }

/** Most that a config drive or a console's log may have. */
const largestFile = 64 << 20

/** What another host may do here while a server comes: bring the disks the control plane named, and the guest itself. */
export async function incoming({ store, uri, tag, net, virt, disks }: Here, args: Incoming['args']) {
  const way = args.live ? await sockets(args.move) : undefined
  const temps = new Map<string, string>(), files = new Map<string, Promise<void>>()
  const named = (ref: unknown): DiskRef => {
    const known = args.disks.find((one) => same(one)(ref as DiskRef))
    if (!known) throw new Terminal('this disk is not part of the move')
    return known
  }
  const bytesOf = (ask: Ask): number => {
    if (!Number.isSafeInteger(ask.bytes) || (ask.bytes as number) < 0) throw new Terminal('no size')
    return ask.bytes as number
  }

  async function take(ask: Ask, accept: Parameters<Incoming['serve']>[1]) {
    const ref = named(ask.ref), temp = store.temp('qcow2'), socket = store.temp('nbd')
    await create(temp, bytesOf(ask))
    const before = temps.get(store.disk(ref))
    if (before) await rm(before, { force: true })
    temps.set(store.disk(ref), temp)
    // Ends with its one client, and with this process.
    const server = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-nbd', '--socket', socket, '--format', 'qcow2', '--cache', 'writeback', '--discard', 'unmap', temp], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    server.stderr.on('data', (text) => { said += text })
    const over = once(server, 'close')
    try {
      for (let tries = 0; ; tries++) {
        const socketOpen = await connectTo(socket).catch(() => undefined)
        if (socketOpen) { await join(accept(), socketOpen); break }
        if (server.exitCode !== null || tries > 100) throw new Error(`the disk cannot be taken in: ${said.slice(0, 200)}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await over
    } finally {
      server.kill('SIGKILL')
      await rm(socket, { force: true })
    }
  }

  async function file(path: string, bytes: number, accept: Parameters<Incoming['serve']>[1]) {
    const temp = store.temp()
    let left = bytes
    const exact = new Transform({
      transform(chunk: Buffer, _, done) { left -= chunk.length; done(left < 0 ? new Error('more than announced') : null, chunk) },
      flush(done) { done(left ? new Error('less than announced') : null) },
    })
    await pipeline(accept(), exact, createWriteStream(temp, { mode: 0o600 }))
    await store.commit(temp, path)
  }

  const serve: Incoming['serve'] = async (ask, accept) => {
    switch (ask.what) {
      case 'facts': return void accept({ root: store.root, tag, taps: Object.fromEntries(args.nics.map((nic) => [nic.port, net.tap(nic.port)])) } satisfies Facts).end()
      case 'blank': return void await create(store.disk(named(ask.ref)), bytesOf(ask))
      case 'disk': return take(ask, accept)
      case 'keep': {
        const final = store.disk(named(ask.ref)), temp = temps.get(final)
        // It may have come before this process started: the sender brings it again.
        if (!temp) throw new Error('this disk has not come')
        await store.commit(temp, final)
        temps.delete(final)
        return
      }
      case 'file': {
        if (args.shared) throw new Terminal('its files are here already')
        const path = ask.name === 'config' ? store.config(args.server) : ask.name === 'console' ? store.console(args.server) : undefined
        if (!path || bytesOf(ask) > largestFile) throw new Terminal('not a file that moves')
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        promise.catch(() => {})
        files.set(ask.name as string, promise)
        return file(path, bytesOf(ask), accept).then(resolve, reject)
      }
      // The sender cannot see from its end of a connection when the last byte has been taken care of.
      case 'filed': return files.get(ask.name as string)
      case 'connections': return net.takeOn(ask.network as string, ask.connections as never[])
      case 'libvirt': case 'memory': case 'storage': {
        if (!way) throw new Terminal('no guest comes with this move')
        const stream = await connectTo(ask.what === 'libvirt' ? libvirtSocket(uri) : way[ask.what])
        return join(accept(), stream)
      }
      default: throw new Terminal('not a thing that can be asked for')
    }
  }
  return {
    serve,
    async end() {
      for (const temp of temps.values()) await rm(temp, { force: true })
      if (way) await rm(way.folder, { recursive: true, force: true })
    },
    /** What an earlier move of the same server left: it is elsewhere, or the control plane would not send it here. */
    async clear() {
      const state = await virt.state(args.server)
      if (state === 'running' || state === 'paused') throw new Terminal('the server is on this host already')
      await virt.undefine(args.server, args.shared)
      if (!args.shared) await disks.deleteConfigDrive(args.server)
      for (const ref of args.disks) await disks.delete(ref)
    },
  }
}
