import { and, eq, sql } from 'drizzle-orm'
import { floatingIp, port } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { touchPorts } from '../touch.ts'

/** Ports that the cloud made for something go with that something. */
const OWNED = /^network:(router_|ha_router|floatingip)/

export function removePort(ctx: Ctx, row: Row) {
  if (OWNED.test(row.deviceOwner)) throw conflict(`Port ${row.id} cannot be deleted directly via the port API: has device owner ${row.deviceOwner}.`, { type: 'ServicePortInUse' })
  touchPorts(ctx, [row.id])
  ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', revision: sql`${floatingIp.revision} + 1`, updatedAt: ctx.now() }).where(eq(floatingIp.port, row.id)))
  ctx.stage(q.delete(port).where(and(eq(port.id, row.id), eq(port.deviceOwner, row.deviceOwner))), 'stale')
}
