import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Inventory } from '../../schema/hosts.ts'
import { port } from '../../schema/network.ts'
import type { HostRow } from '../hosts/signed.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { observeLeft } from './routers/place.ts'
import { observeMeters } from './metering/observe.ts'

/** A port is ACTIVE while its host shows it up with filters in force, DOWN when it does not: level, not edge. */
export async function observePorts(ctx: Ctx, host: HostRow, seen: Inventory) {
  await observeMeters(ctx, host, seen)
  await observeLeft(ctx, host, seen)
  const shown = JSON.stringify(seen.ports), listed = sql`(select value from json_each(${shown}))`
  const [wrong] = await ctx.read(q.select({ id: port.id, status: port.status }).from(port).where(and(eq(port.host, host.id), sql`(${port.deviceOwner} like 'compute:%' or ${port.deviceOwner} = 'trunk:subport')`,
    sql`((${port.status} = 'ACTIVE' and (${port.id} not in ${listed} or not ${port.adminUp})) or (${port.status} <> 'ACTIVE' and ${port.adminUp} and ${port.id} in ${listed}))`)).limit(5000))
  // A guest just started is marked by its own saga; what an older look at the host says must not undo that.
  const up = wrong.filter((p) => p.status !== 'ACTIVE').map((p) => p.id), down = wrong.filter((p) => p.status === 'ACTIVE').map((p) => p.id)
  if (up.length) ctx.stage(q.update(port).set({ status: 'ACTIVE' }).where(inArray(port.id, up)))
  if (down.length && seen.revision >= host.revision) ctx.stage(q.update(port).set({ status: 'DOWN' }).where(and(inArray(port.id, down), sql`${port.updatedAt} < ${ctx.now() - 10_000_000}`)))
}
