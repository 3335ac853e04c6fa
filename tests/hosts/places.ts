import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { names } from '../../bridge/network/names.ts'
import { anchor, folder } from '../../local/host/many.ts'
import { layout } from '../../local/layout.ts'
import type { Running } from '../harness/running.ts'
import { sh } from '../steps.ts'

/** Into a host of `npm start -- --hosts N`: what runs among its processes, in its own network. */
export const within = (c: Running, host: string) => ['nsenter', '-t', String(anchor(folder(layout(c.data), Number(host.slice(5)), 'libvirt')) ?? 0), '-m', '-n']
export async function on(c: Running, host: string, ...command: string[]): Promise<string> {
  const [first, ...rest] = [...within(c, host), ...command]
  return (await sh(first!, rest)).stdout
}
/** This cloud's devices there, of these kinds (`names.ts`). */
export async function devices(c: Running, host: string, kinds: string): Promise<string[]> {
  const { prefix } = names(layout(c.data).tag)
  return (JSON.parse(await on(c, host, 'ip', '-j', 'link')) as { ifname: string }[]).map((l) => l.ifname).filter((d) => d.startsWith(prefix) && kinds.includes(d[prefix.length]!))
}
/** The process of a host's bridge. */
export function bridgeOf(c: Running, host: string): number | undefined {
  const state = folder(layout(c.data), Number(host.slice(5)), 'bridge')
  const found = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).find((p) => { try { const line = readFileSync(`/proc/${p}/cmdline`, 'utf8').split('\0'); return path.basename(line[0]!).startsWith('node') && line.includes(state) && line.includes('--underlay') } catch { return false } })
  return found === undefined ? undefined : Number(found)
}
