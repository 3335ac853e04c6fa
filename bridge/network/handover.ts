import type { Flow } from './rules.ts'
import { listFlows } from './flows.ts'
import { each, run } from './run.ts'

/**
 * Connections go along with a guest that moves. On its new host nothing is known of them, and a packet from the middle of
 * one is refused there: filters let a TCP connection begin with SYN only. So the host it leaves says which connections
 * its rules had let begin, and the new one takes exactly these as established. The rules themselves make no exception.
 */
export interface Connection extends Flow { seconds: number; state?: string; assured: boolean }

/** At most this many of a guest's connections, the longest lasting first: the rest begin anew. */
const most = 20_000

export async function connectionsOf(addresses: Set<string>, zone: number): Promise<Connection[]> {
  const found = (await listFlows()).filter((f) => f.zone === zone && f.replied && (addresses.has(f.source) || addresses.has(f.destination)))
  return found.sort((a, b) => b.seconds - a.seconds).slice(0, most)
    .map(({ zone: _zone, replied: _replied, ...flow }) => flow)
}

/** Content with those that are known already: the guest may have spoken first. */
const known = (error: Error) => { if (!/File exists|already exists/i.test(error.message)) throw error }

export async function takeOn(connections: Connection[], zone: number): Promise<void> {
  await each(connections, async (c) => {
    const icmp = c.family === 4 ? '--icmp' : '--icmpv6'
    await run('conntrack', ['-I', '-w', String(zone), '-s', c.source, '-d', c.destination, '-p', String(c.protocol), '-t', String(c.seconds),
      '-u', c.assured ? 'SEEN_REPLY,ASSURED' : 'SEEN_REPLY', ...(c.protocol === 6 ? ['--state', c.state ?? 'ESTABLISHED'] : []),
      ...(c.sport !== undefined && c.dport !== undefined ? ['--sport', String(c.sport), '--dport', String(c.dport)] : []),
      ...(c.type !== undefined && c.id !== undefined ? [`${icmp}-type`, String(c.type), `${icmp}-code`, String(c.code ?? 0), `${icmp}-id`, String(c.id)] : [])]).catch(known)
  })
}
