import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inNs } from './run.ts'

/**
 * One dnsmasq as it should be. It outlives the bridge: found again by its pid file, taken over when it runs with the same
 * arguments in the same namespace, told to read its files again (or, where it cannot, started again) when their content is not what it last read.
 */
export interface Daemon {
  ns: string
  /** Where its files are; readable to the user dnsmasq becomes. */
  dir: string
  args: string[]
  files: Record<string, string>
  /** Leases it must forget before it runs: an address has passed to another guest. */
  forget?: () => Promise<((line: string) => boolean) | undefined>
  leases?: string
}

export const argv = (d: Daemon) => ['dnsmasq', ...d.args, `--pid-file=${join(d.dir, 'pid')}`]

export async function ensure(d: Daemon): Promise<void> {
  const text = Object.entries(d.files).sort().map(([name, body]) => `${name}\n${body}`).join('\0')
  const sum = createHash('sha256').update(text).digest('hex')
  const pid = await running(d)
  const forget = await d.forget?.()
  if (pid !== undefined && !forget && await readFile(join(d.dir, 'loaded'), 'utf8').catch(() => '') === sum) return
  if (pid !== undefined && !forget && !await tagged(d.dir)) {
    await write(d)
    process.kill(pid, 'SIGHUP')
  } else {
    await stop(d.dir)
    await write(d)
    if (forget && d.leases) {
      const kept = (await readFile(d.leases, 'utf8').catch(() => '')).split('\n').filter((line) => !forget(line))
      await replace(d.leases, kept.join('\n'))
    }
    await start(d)
  }
  // Last, so that dying between the two leaves a mark that does not match.
  await replace(join(d.dir, 'loaded'), sum)
}

/**
 * Whether hosts have tags, as dnsmasq read them. It strings the tags of a host it gives a lease to together with its own,
 * and (2.90) frees them all when it reads the file again: it dies of that, at once or a few times later.
 */
const tagged = async (dir: string) => (await readFile(join(dir, 'hosts'), 'utf8').catch(() => '')).includes(',set:')

/** A process that ended may still hold its sockets for a moment. */
async function start(d: Daemon, tries = 20): Promise<void> {
  await inNs(d.ns, argv(d)[0]!, argv(d).slice(1)).catch(async (error: Error) => {
    if (!tries || !/Address already in use/.test(error.message)) throw error
    await sleep(50)
    await start(d, tries - 1)
  })
}

/** The process that is exactly this one, if it runs. */
export async function running(d: Daemon): Promise<number | undefined> {
  const pid = await pidOf(d.dir)
  if (pid === undefined || await commandLine(pid) !== argv(d).join('\0') + '\0') return undefined
  const [its, ours] = await Promise.all([stat(`/proc/${pid}/ns/net`), stat(`/run/netns/${d.ns}`)].map((s) => s.then((x) => x.ino, () => 0)))
  return its === ours && its !== 0 ? pid : undefined
}

const commandLine = (pid: number) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')

async function pidOf(dir: string): Promise<number | undefined> {
  const pid = Number((await readFile(join(dir, 'pid'), 'utf8').catch(() => '')).trim())
  return Number.isInteger(pid) && pid > 1 ? pid : undefined
}

/** Ends the dnsmasq of this folder, if the process with that pid still is one. */
export async function stop(dir: string): Promise<void> {
  const pid = await pidOf(dir)
  const mine = async () => pid !== undefined && (await commandLine(pid)).includes(`--pid-file=${join(dir, 'pid')}\0`)
  if (!await mine()) return
  process.kill(pid!, 'SIGTERM')
  for (let i = 0; i < 200; i++) {
    if (!await mine()) return
    if (i === 100) process.kill(pid!, 'SIGKILL')
    await sleep(10)
  }
  throw new Error(`dnsmasq ${pid} does not end`)
}

export async function remove(dir: string): Promise<void> {
  await stop(dir)
  await rm(dir, { recursive: true, force: true })
}

async function write(d: Daemon): Promise<void> {
  await mkdir(d.dir, { recursive: true, mode: 0o755 })
  for (const [name, body] of Object.entries(d.files)) await replace(join(d.dir, name), body)
}
async function replace(file: string, body: string): Promise<void> {
  await writeFile(`${file}.new`, body, { mode: 0o644 })
  await rename(`${file}.new`, file)
}
