import { execFile, type ExecFileOptions } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** A story told step by step: each is timed, printed and counted; a failed one does not stop those that do not need it. */
export class Steps {
  passed = 0
  failed: string[] = []
  async step<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    const since = performance.now()
    const took = () => `${((performance.now() - since) / 1000).toFixed(1)} s`
    try {
      const out = await work()
      this.passed++
      console.log(`ok    ${name} (${took()})`)
      return out
    } catch (e) {
      this.failed.push(name)
      console.log(`FAIL  ${name} (${took()})\n      ${(e instanceof Error ? e.message : String(e)).split('\n').slice(0, 12).join('\n      ')}`)
      return undefined
    }
  }
  /** The closing line, by itself on a line, and the exit code that goes with it. */
  close(): number {
    if (this.failed.length) console.log(`\nfailed:\n${this.failed.map((f) => `  ${f}`).join('\n')}`)
    console.log(`${this.passed} passed, ${this.failed.length} failed`)
    return this.failed.length ? 1 : 0
  }
}

export interface Ran { stdout: string; stderr: string; code: number }

/** Runs a command without a shell; rejects with what it printed when it fails, unless `fails` says it may. */
export function sh(command: string, args: string[], options: ExecFileOptions & { fails?: boolean; input?: string } = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 64 << 20, timeout: 300_000, ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      if (error && !options.fails) reject(new Error(`${command} ${args.join(' ')}: ${error.killed ? 'timed out' : `exit ${code}`}\n${String(stderr).trim().slice(-1500)}\n${String(stdout).trim().slice(-500)}`))
      else resolve({ stdout: String(stdout), stderr: String(stderr), code })
    })
    if (options.input !== undefined) child.stdin?.end(options.input)
  })
}

/** Asks again until the answer is not undefined; the last error tells why it never was. */
export async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  for (;;) {
    try {
      const out = await ask()
      if (out !== undefined && out !== false) return out
    } catch (e) { last = e }
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s${last ? ` (${last instanceof Error ? last.message : last})` : ''}`)
    await sleep(300)
  }
}
