import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { node, root } from './layout.ts'

/** What a script of this folder prints. By a process of its own: the memory its work takes would stay with this one. */
export async function apart(script: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const ran = promisify(execFile)(node, ['--disable-warning=ExperimentalWarning', path.join(root, 'local', script), ...args], { env: { ...process.env, ...env } })
  return (await ran.catch((e: Error & { stderr?: string }) => { throw new Error(e.stderr?.trim() || e.message) })).stdout.trim()
}

export function alive(pid: number): boolean {
  try { process.kill(pid, 0) } catch (e) { return (e as NodeJS.ErrnoException).code === 'EPERM' }
  return !/^State:\s+Z/m.test(proc(pid, 'status'))
}

function proc(pid: number, file: string): string {
  try { return readFileSync(`/proc/${pid}/${file}`, 'utf8') } catch { return '' }
}

export function commandLine(pid: number): string {
  if (existsSync('/proc/self')) return proc(pid, 'cmdline').replaceAll('\0', ' ')
  try { return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }) } catch { return '' }
}

/** Whether a runner lost the bootstrap that started it, and so is about to stop by itself. */
export function orphaned(pid: number): boolean {
  const starter = /(?:^|\0)VIRGA_PARENT=(\d+)/.exec(proc(pid, 'environ'))?.[1]
  return starter !== undefined && /^PPid:\s+(\d+)/m.exec(proc(pid, 'status'))?.[1] !== starter
}

/** The process a pidfile names, if it lives and its command line names `mark`: process ids are used again. */
export function fromPidfile(file: string, mark: string | RegExp): number | undefined {
  let pid: number
  try { pid = Number(readFileSync(file, 'utf8').trim()) } catch { return undefined }
  return Number.isInteger(pid) && pid > 1 && alive(pid) && names(commandLine(pid), mark) ? pid : undefined
}

const names = (line: string, mark: string | RegExp) => typeof mark === 'string' ? line.includes(mark) : mark.test(line)

/** Asks, waits, then insists. Returns when the process is gone. */
export async function end(pid: number, graceMs: number): Promise<void> {
  signal(pid, 'SIGTERM')
  if (await gone(pid, graceMs)) return
  signal(pid, 'SIGKILL')
  if (!await gone(pid, 5000)) throw new Error(`process ${pid} does not end, not even by SIGKILL`)
}

function signal(pid: number, name: NodeJS.Signals) {
  try { process.kill(pid, name) } catch (e) { if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e }
}

async function gone(pid: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs
  while (alive(pid)) {
    if (performance.now() > until) return false
    await sleep(30)
  }
  return true
}
