import { spawn } from 'node:child_process'

/** What came of pinging an address; `gap` is the longest time without an answer, ms (Infinity when there were none). */
export interface Heard { sent: number; lost: number; gap: number }

/** Pings an address until told to stop, from within a namespace if one is named. */
export function pings(address: string, { ns, every = 20 }: { ns?: string; every?: number } = {}): { end(): Promise<Heard> } {
  const command = ['ping', '-n', '-D', '-i', String(every / 1000), address]
  const [name, ...args] = ns ? ['nsenter', `--net=/run/netns/${ns}`, ...command] : command
  const child = spawn(name!, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (d) => { text += d })
  const closed = new Promise((done) => child.once('close', done))
  return {
    async end() {
      child.kill('SIGINT')
      await closed
      const heard = [...text.matchAll(/^\[([\d.]+)\] \d+ bytes/gm)].map((m) => Number(m[1]))
      const [, sent, back] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? []
      return { sent: Number(sent), lost: Number(sent) - Number(back), gap: heard.length > 1 ? Math.round(1000 * Math.max(...heard.slice(1).map((t, i) => t - heard[i]!))) : Infinity }
    },
  }
}
