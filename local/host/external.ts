import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import type { Layout } from '../layout.ts'

// One file a range, naming the data folder that has it: clouds on one machine that start together must not pick the same.
const registry = '/var/lib/virga/external'

/** The range of the external network: 172.24.N.0/24, the first that no interface, route or other cloud here uses. */
export function claimExternal(at: Layout): string {
  mkdirSync(registry, { recursive: true })
  const mine = readdirSync(registry).find((n) => holder(n) === at.dir)
  if (mine !== undefined) return cidr(mine)
  for (let n = 4; n < 256; n++) {
    if (inUse(n)) continue
    const file = path.join(registry, String(n))
    if (holder(String(n)) && !existsSync(path.join(holder(String(n)), 'secrets.json'))) rmSync(file, { force: true })   // that cloud is gone
    try { writeFileSync(file, at.dir, { flag: 'wx' }); return cidr(String(n)) } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e
    }
  }
  throw new Error('no range of 172.24.0.0/16 is free for an external network')
}

export function releaseExternal(at: Layout): void {
  if (!existsSync(registry)) return
  for (const n of readdirSync(registry)) if (holder(n) === at.dir) rmSync(path.join(registry, n))
}

const cidr = (n: string) => `172.24.${n}.0/24`
const holder = (n: string) => { try { return readFileSync(path.join(registry, n), 'utf8').trim() } catch { return '' } }

function inUse(n: number): boolean {
  const prefix = `172.24.${n}.`
  if (Object.values(networkInterfaces()).flat().some((a) => a?.address.startsWith(prefix))) return true
  return execFileSync('ip', ['-4', 'route', 'show', 'table', 'all', 'root', `${prefix}0/24`], { encoding: 'utf8' }).trim() !== ''
}
