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
