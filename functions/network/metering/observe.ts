import { eq, inArray, sql } from 'drizzle-orm'
import type { Inventory } from '../../../schema/hosts.ts'
import { meteringCount, meteringLabel, router } from '../../../schema/network.ts'
import type { HostRow } from '../../hosts/signed.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'

/**
 * Adds what a host counted since it last said so. It says what its counters show: one that is lower than before has
 * begun anew, with the router on another host or after a reboot.
 */
export async function observeMeters(ctx: Ctx, host: HostRow, seen: Inventory) {
  if (!seen.meters?.length) return
  const labels = [...new Set(seen.meters.map((m) => m.label))]
  const [mine, known, before] = await ctx.read(
    q.select({ id: router.id }).from(router).where(eq(router.host, host.id)),
    q.select({ id: meteringLabel.id, project: meteringLabel.project }).from(meteringLabel).where(inArray(meteringLabel.id, labels)),
    q.select().from(meteringCount).where(inArray(meteringCount.label, labels)))
  const here = new Set(mine.map((r) => r.id)), byLabel = new Map<string, { packets: number; bytes: number }>()
  for (const m of seen.meters) {
    if (!here.has(m.router) || !known.some((l) => l.id === m.label)) continue
    const was = before.find((b) => b.label === m.label && b.router === m.router), anew = !was || m.bytes < was.seenBytes || m.packets < was.seenPackets
    const packets = m.packets - (anew ? 0 : was.seenPackets), bytes = m.bytes - (anew ? 0 : was.seenBytes)
    if (was && !packets && !bytes && !anew) continue
    ctx.stage(q.insert(meteringCount).values({ label: m.label, router: m.router, packets, bytes, seenPackets: m.packets, seenBytes: m.bytes })
      .onConflictDoUpdate({ target: [meteringCount.label, meteringCount.router], set: { packets: sql`${meteringCount.packets} + ${packets}`, bytes: sql`${meteringCount.bytes} + ${bytes}`, seenPackets: m.packets, seenBytes: m.bytes } }))
    const sum = byLabel.get(m.label) ?? { packets: 0, bytes: 0 }
    byLabel.set(m.label, { packets: sum.packets + packets, bytes: sum.bytes + bytes })
  }
  for (const [label, { packets, bytes }] of byLabel) if (packets) ctx.event('l3.meter', label, { label_id: label, pkts: packets, bytes, host: host.name }, known.find((l) => l.id === label)!.project)
}
