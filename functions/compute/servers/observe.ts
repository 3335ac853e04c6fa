import { and, eq, isNotNull, isNull, notInArray, sql } from 'drizzle-orm'
import { server, type ServerState } from '../../../schema/compute.ts'
import { orphan } from '../../../schema/host.ts'
import type { Inventory } from '../../../schema/hosts.ts'
import { job, saga } from '../../../schema/kernel.ts'
import type { HostRow } from '../../hosts/signed.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { start } from '../../kernel/engine.ts'
import { fenceLane } from '../../kernel/queue.ts'
import { wiresOf } from '../../network/ports/of-servers.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { change, power, type Server } from './model.ts'
import { domainSpec } from './spec.ts'
import turn from './turn.saga.ts'

type Shown = Inventory['domains'][number]['state'] | 'absent'
const shownAs: Record<Shown, { state: ServerState; power: number }> = {
  running: { state: 'active', power: power.running }, paused: { state: 'paused', power: power.paused }, shutoff: { state: 'stopped', power: power.off },
  crashed: { state: 'stopped', power: power.crashed }, saved: { state: 'suspended', power: power.suspended }, absent: { state: 'stopped', power: power.off },
}
/** States that follow what the host shows; the others have a meaning of their own, and only their power is brought up to date. */
const follows: ServerState[] = ['active', 'stopped', 'paused', 'suspended']
/** What was just changed may be younger than the host's look at it. */
const SETTLE = seconds(8)

/** Level, not edge: a guest that turned itself off is SHUTOFF, one started behind our back ACTIVE; domains no row names are listed. */
export async function observeDomains(ctx: Ctx, host: HostRow, seen: Inventory) {
  const idle = sql`not exists (select 1 from ${saga} g where g.lane = ${server.id} and g.state in ('open','unwinding','stuck'))`
  const [rows, claimed, known] = await ctx.read(
    q.select().from(server).where(and(eq(server.host, host.id), isNull(server.task), isNotNull(server.launchedAt), idle)),
    q.select({ id: server.id }).from(server).where(eq(server.host, host.id)),
    q.select().from(orphan).where(and(eq(orphan.host, host.id), eq(orphan.kind, 'domain'))))
  const shown = new Map(seen.domains.map((d) => [d.uuid, d]))
  const resumed = await resume(ctx, host, seen, rows.filter((s) => s.state === 'active' && s.power === power.running && !['running', 'paused', 'saved'].includes(shown.get(s.id)?.state ?? 'absent')))
  for (const s of rows) if (!resumed.has(s.id)) follow(ctx, s, shown.get(s.id)?.state ?? 'absent', shown.get(s.id)?.vncPort)
  const ours = new Set(claimed.map((c) => c.id))
  const strange = seen.domains.filter((d) => !ours.has(d.uuid)).map((d) => d.uuid), before = new Set(known.map((o) => o.id))
  // One that is being destroyed is not an orphan yet.
  for (const id of strange.filter((d) => !before.has(d))) {
    ctx.stage(q.run(sql`insert or ignore into ${orphan} (id, host, kind, name, seen_at) select ${id}, ${host.id}, 'domain', ${id}, ${ctx.now()}
      where not exists (select 1 from ${job} where lane in (${id}, ${fenceLane(id)}) and state in ('queued','running'))`))
  }
  if (known.some((o) => !strange.includes(o.id))) ctx.stage(q.delete(orphan).where(and(eq(orphan.host, host.id), eq(orphan.kind, 'domain'), strange.length ? notInArray(orphan.id, strange) : undefined)))
}

/** After the host itself has started anew: guests that ran are started again, unless its operator wants them left alone. */
async function resume(ctx: Ctx, host: HostRow, seen: Inventory, ran: Server[]): Promise<Set<string>> {
  if (!host.bootId || host.bootId === seen.bootId || !host.resumeGuests || !ran.length) return new Set()
  const ids = ran.map((s) => s.id), [wires, attached] = await ctx.read(wiresOf(ids), attachmentsOf(ids))
  for (const s of ran) {
    const held = attached.filter((a) => a.attachment.server === s.id).map(({ attachment: a }) => ({ volume: a.volume, device: a.device, bootIndex: a.bootIndex }))
    change(ctx, s, { task: 'powering-on', power: power.off, vncPort: null })
    ctx.event('compute.instance.start.start', s.id, { why: 'its host has started anew' }, s.project)
    await start(ctx, turn, { server: s.id, host: host.id, move: 'start', job: 'domain.start', args: { spec: domainSpec(s, wires.filter((w) => w.server === s.id), held, ctx.requestId) } }, { lane: s.id, project: s.project })
  }
  return new Set(ids)
}

function follow(ctx: Ctx, s: Server, now: Shown, vncPort?: number) {
  const is = shownAs[now]
  const state = follows.includes(s.state) && !(s.state === 'suspended' && now === 'absent') ? is.state : s.state
  if ((state === s.state && is.power === s.power) || ctx.now() - s.updatedAt < SETTLE) return
  ctx.stage(q.update(server).set({ state, power: is.power, vncPort: vncPort ?? null, generation: s.generation + 1, updatedAt: ctx.now() }).where(and(eq(server.id, s.id), eq(server.generation, s.generation))))
  ctx.event('compute.instance.power.changed', s.id, { from: s.power, to: is.power, state }, s.project)
}
