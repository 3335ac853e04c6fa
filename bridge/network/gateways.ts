import type { Names } from './names.ts'
import { commit } from './nft.ts'
import { wiredLinks, type Router } from './plan.ts'
import { inNs, ipBatch, run } from './run.ts'

/**
 * Gateways that move between hosts. Whoever takes one over announces its addresses, which makes the host that had it fall
 * silent (`fenced`, in the kernel, whether its bridge runs or not), and answers only then: two never answer for one address.
 */
export const holdSeconds = 2

/** What a router speaks with where others can hear it. */
export const macsOf = (r: Router) => wiredLinks(r).map((l) => l.mac)

/** From now on, for a while, nothing but announcements, whatever is heard meanwhile. Before the gateway's device is there. */
export async function hold(r: Router, names: Names): Promise<void> {
  await commit([{ add: { element: { family: 'bridge', table: names.table, name: 'held', elem: macsOf(r).map((val) => ({ elem: { val, timeout: holdSeconds } })) } } }])
  await release(macsOf(r), names)
}

/** Naming a device's own MAC again makes the kernel announce every address of it. */
export const announce = (r: Router) => ipBatch([{ inside: 'gw', mac: r.gateway?.mac }, ...r.interfaces].flatMap((l) => (l.mac ? [`link set dev ${l.inside} address ${l.mac}`] : [])), r.ns)

/** MACs of gateways that another host was heard to speak with. */
export async function fenced(names: Names): Promise<Set<string>> {
  const text = await inNs(undefined, 'nft', ['-j', 'list', 'set', 'bridge', names.table, 'fenced']).catch(() => '')
  const set = text ? (JSON.parse(text) as { nftables: { set?: { elem?: unknown[] } }[] }).nftables.find((x) => x.set)?.set : undefined
  return new Set((set?.elem ?? []).map((e) => (typeof e === 'string' ? e : (e as { elem: { val: string } }).elem.val)))
}

/** They are this host's after all. */
export async function release(macs: Iterable<string>, names: Names): Promise<void> {
  for (const mac of macs) await run('nft', ['delete', 'element', 'bridge', names.table, 'fenced', '{', mac, '}']).catch((error: Error) => { if (!/No such file/.test(error.message)) throw error })
}
