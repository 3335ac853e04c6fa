import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { links, removeLinks } from './links.ts'
import type { Carrier } from './carrier.ts'
import type { Names } from './names.ts'
import { each, run, ipBatch, ipJson } from './run.ts'
import { loaded } from './nft.ts'
import { zonesOf } from './state.ts'
import { endZone } from './flows.ts'
import { remove } from './dnsmasq.ts'
import type { Places } from './dhcp.ts'

/** Removes every trace of one cloud, also what is only half there; says what would not go. */
export async function wipe(names: Names, places: Places, carrier: Carrier): Promise<void> {
  const errors: string[] = []
  const attempt = (work: Promise<unknown>) => work.catch((error: Error) => { errors.push(error.message) })
  await attempt(each(await readdir(places.run).catch(() => []), (dir) => remove(join(places.run, dir))))
  for (const pid of await strays(places.run)) await attempt(Promise.resolve().then(() => process.kill(pid, 'SIGKILL')))
  const zones = zonesOf(await loaded({ family: 'inet', name: names.table }).catch(() => undefined))
  // Ends of veth pairs go with their other end, half-made things may be gone already: what is left is asked once more.
  await removeLinks([...(await links(names)).keys()], names).catch(() => {})
  await attempt(links(names).then((left) => ipBatch([...left.keys()].map((d) => `link del dev ${d}`))))
  if (carrier.wipe) await attempt(carrier.wipe())
  await attempt(each(await spaces(names), (ns) => ipBatch([`netns del ${ns}`])))
  for (const family of ['bridge', 'inet', 'netdev']) await attempt(run('nft', ['delete', 'table', family, names.table]).catch((error: Error) => { if (!/No such file/.test(error.message)) throw error }))
  for (const zone of zones.values()) await attempt(endZone(zone))
  await attempt(rm(places.run, { recursive: true, force: true }))
  await attempt(rm(places.leases, { recursive: true, force: true }))
  for (const dir of [dirname(places.run), dirname(places.leases)]) await rmdir(dir).catch(() => {})
  if (errors.length) throw new Error(`not everything of ${names.prefix} could be removed: ${errors.join('; ')}`)
}

export async function spaces(names: Names): Promise<Set<string>> {
  const all = await ipJson<{ name: string }[]>(['netns', 'list'])
  return new Set(all.map((n) => n.name).filter(names.oursNs))
}

/** dnsmasq of this cloud whose pid file is gone. */
async function strays(dir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((p) => /^\d+$/.test(p))
  const mine = await Promise.all(pids.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    .some((arg, i, all) => all[0]!.endsWith('dnsmasq') && arg.startsWith(`--pid-file=${dir}/`))))
  return pids.filter((_, i) => mine[i]).map(Number)
}
