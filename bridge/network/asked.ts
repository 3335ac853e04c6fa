import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { connect, isIP, type Server, type Socket as Stream } from 'node:net'
import { listenIn } from './inside.ts'
import { each } from './run.ts'

/**
 * Names of the world, for guests whose subnets name no server: what a network's dnsmasq does not know it asks here, in its
 * own namespace, and the host's resolvers are asked in turn. The guest itself reaches none of them.
 */
export const askHere = { host: '127.0.0.1', port: 5300 }
/** Open questions of one network at a time, and how long one may take, ms. */
const most = 256, patience = 2500

export interface Asked {
  /** Answers in exactly these namespaces. */
  serve(spaces: Set<string>): Promise<void>
  forget(ns: string): void
  close(): void
}

/** `host`: the machine's own resolvers, as they are when asked. */
export function upstreams(of: string[] | 'host'): () => Promise<string[]> {
  if (of !== 'host') return async () => of
  let known: string[] = [], until = 0
  return async () => {
    if (performance.now() > until) {
      until = performance.now() + 5000
      const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
      known = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((m) => m[1]!).filter((a) => isIP(a.replace(/%.*$/, ''))).slice(0, 3)
    }
    return known
  }
}

export function asked(servers: () => Promise<string[]>, log: (line: string) => void): Asked {
  const open = new Map<string, { udp: Socket; tcp: Server }>()

  async function answer(ns: string, counts: { n: number }, socket: Socket, question: Buffer, port: number, address: string): Promise<void> {
    // A standard query and nothing else.
    if (question.length < 17 || question.length > 4096 || (question[2]! & 0xf8) !== 0 || counts.n >= most) return
    counts.n++
    try {
      for (const server of await servers()) {
        const said = await ask(server, question)
        if (!said) continue
        question.copy(said, 0, 0, 2)
        if (open.has(ns)) socket.send(said, port, address)
        return
      }
    } finally { counts.n-- }
  }

  function stream(client: Stream, counts: { n: number }): void {
    client.on('error', () => {})
    if (counts.n >= most) return void client.destroy()
    counts.n++
    client.once('close', () => { counts.n-- })
    client.setTimeout(patience * 4, () => client.destroy())
    void servers().then(([server]) => {
      if (!server) return client.destroy()
      const upstream = connect(53, server).on('error', () => client.destroy())
      upstream.setTimeout(patience * 4, () => upstream.destroy())
      client.once('close', () => upstream.destroy())
      client.pipe(upstream).pipe(client)
    })
  }

  return {
    async serve(spaces) {
      for (const ns of open.keys()) if (!spaces.has(ns)) this.forget(ns)
      await each([...spaces].filter((ns) => !open.has(ns)), async (ns) => {
        const udp = await listenIn(ns, askHere.host, askHere.port, 'udp'), counts = { n: 0 }
        const tcp = await listenIn(ns, askHere.host, askHere.port).catch((error: Error) => { udp.close(); throw error })
        udp.on('message', (question, from) => void answer(ns, counts, udp, question, from.port, from.address).catch((error: Error) => log(`names: ${error.message}`)))
        udp.on('error', (error) => { log(`names in ${ns}: ${error.message}`); this.forget(ns) })
        tcp.on('connection', (client) => stream(client, counts))
        open.set(ns, { udp, tcp })
      }, 3)
    },
    forget(ns) {
      const sockets = open.get(ns)
      open.delete(ns)
      sockets?.udp.close()
      sockets?.tcp.close()
    },
    close() { for (const ns of open.keys()) this.forget(ns) },
  }
}

/** One question to one server, under an id and a port of its own; undefined when it does not answer. */
function ask(server: string, question: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4'), id = randomInt(65536), mine = Buffer.from(question)
    mine.writeUInt16BE(id, 0)
    const done = (said?: Buffer) => { clearTimeout(timer); socket.close(); resolve(said) }
    const timer = setTimeout(done, patience)
    const asks = question.subarray(12)
    socket.on('error', () => done())
    // The question comes back with the answer: another's answer is not taken for it.
    socket.on('message', (said) => { if (said.length >= 12 && said.readUInt16BE(0) === id && (said[2]! & 0x80) && said.subarray(12, 12 + nameLength(asks)).equals(asks.subarray(0, nameLength(asks)))) done(said) })
    socket.connect(53, server, () => socket.send(mine))
  })
}
/** The name asked for, its type and class. */
function nameLength(at: Buffer): number {
  let n = 0
  while (n < at.length && at[n]) n += at[n]! + 1
  return Math.min(at.length, n + 5)
}
