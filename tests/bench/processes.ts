import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const read = (file: string) => { try { return readFileSync(file, 'utf8') } catch { return '' } }
/** The fields of /proc/PID/stat after the name, which may itself hold spaces and brackets. */
const stat = (pid: number | string) => { const text = read(`/proc/${pid}/stat`); return text ? text.slice(text.lastIndexOf(')') + 2).split(' ') : undefined }

export type ByPart = Record<string, number>
export const sum = (of: ByPart) => Object.values(of).reduce((a, b) => a + b, 0)

/** Every process of one cloud, by the name of its pidfile, children included. */
export class Processes {
  readonly #run: string
  constructor(run: string) { this.#run = run }

  /** Parts of the cloud and their processes. */
  parts(): Record<string, number[]> {
    const children = new Map<number, number[]>()
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const parent = Number(stat(name)?.[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    }
    const roots = readdirSync(this.#run).filter((f) => f.endsWith('.pid')).map((f) => [f.slice(0, -4), Number(read(path.join(this.#run, f)))] as const)
    const own = new Set(roots.map(([, pid]) => pid))
    // The runner is the parent of the others: what has a pidfile of its own is not counted with it.
    const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).filter((c) => !own.has(c)).flatMap(below)]
    return Object.fromEntries(roots.filter(([, pid]) => stat(pid)).map(([name, pid]) => [name, below(pid)]))
  }

  /** CPU milliseconds spent so far, ended children included. */
  cpu(): ByPart { return this.#each((pid) => (stat(pid)?.slice(11, 15).reduce((a, n) => a + Number(n), 0) ?? 0) * 1000 / ticks) }
  /** Memory in MiB: `Rss` is what each process has mapped in, pages it shares with others counted for each; of those `Pss` counts a share, so that the sum is what is in use. */
  memory(measure: 'Rss' | 'Pss'): ByPart { return this.#each((pid) => Number(new RegExp(`^${measure}:\\s+(\\d+)`, 'm').exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024) }

  #each(of: (pid: number) => number): ByPart {
    return Object.fromEntries(Object.entries(this.parts()).map(([name, pids]) => [name, pids.reduce((a, pid) => a + of(pid), 0)]))
  }
}

export const less = (after: ByPart, before: ByPart): ByPart => Object.fromEntries(Object.entries(after).map(([k, v]) => [k, Math.max(0, v - (before[k] ?? 0))]))

/** On what this ran. */
export const machine = () => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown', cores: os.cpus().length, memoryGb: Math.round(os.totalmem() / 2 ** 30), kernel: os.release(), node: process.version,
  load: os.loadavg().map((n) => Math.round(n * 100) / 100),
})
