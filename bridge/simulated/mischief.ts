import { Hopeless, Terminal } from '../drivers.ts'
import { pause } from '../core/pause.ts'

/** How a simulated host is told to misbehave: VIRGA_SIM, as JSON. Everything is drawn from the seed, so a run can be repeated. */
export interface Mischief {
  seed?: number
  /** Each act on a guest or a disk takes this long, or between these two. */
  latencyMs?: number | [number, number]
  /** Share of acts that fail before they do anything, 0 to 1. */
  failRate?: number
  /** Share of acts that do what they should and fail afterwards. */
  failAfterRate?: number
  /** Acts that may fail, as `virt.start`, `disks.create`, `images.fetch`, `net.ready`; absent: all. */
  failKinds?: string[]
  /** Hosts whose acts may fail; absent: all. */
  failHosts?: string[]
  /** Failures say that trying again cannot help. */
  terminal?: boolean
  /** Failures say that no host can do it. */
  hopeless?: boolean
  /** The process ends at once, as by kill -9, in the middle of this many'th act. */
  crashAfter?: number
}

export type Act = <T>(kind: string, does: () => T | Promise<T>) => Promise<T>

/** What befalls each host's acts. */
export function mischief(of: Mischief = {}): (host: string) => Act {
  let state = (of.seed ?? 1) >>> 0
  let acts = 0
  /** mulberry32: small, seeded, good enough for chance. */
  const chance = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const latency = () => Array.isArray(of.latencyMs) ? of.latencyMs[0] + chance() * (of.latencyMs[1] - of.latencyMs[0]) : of.latencyMs ?? 0
  const fails = (kind: string, host: string, rate = 0) => rate > 0 && (!of.failHosts || of.failHosts.includes(host)) && (!of.failKinds || of.failKinds.includes(kind)) && chance() < rate
  const failure = (kind: string) => new (of.hopeless ? Hopeless : of.terminal ? Terminal : Error)(`simulated failure of ${kind}`)

  return (host) => async (kind, does) => {
    const mine = ++acts
    const ms = latency()
    if (ms > 0) await pause(ms)
    if (fails(kind, host, of.failRate)) throw failure(kind)
    const result = await does()
    if (mine === of.crashAfter) process.kill(process.pid, 'SIGKILL')
    if (fails(kind, host, of.failAfterRate)) throw failure(kind)
    return result
  }
}
