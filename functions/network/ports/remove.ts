import { and, eq, sql } from 'drizzle-orm'
import { floatingIp, port } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { touchPorts } from '../touch.ts'

/** Ports that the cloud made for something go with that something. */
const OWNED = /^network:(router_|ha_router|floatingip)/

export const trunksOf = (id: string) => q.all(sql`select 'PortInUseAsTrunkParent' as type, 'parent port' as role, id as trunk from trunk where port = ${id} union all select 'PortInUseAsSubPort', 'subport', trunk from sub_port where port = ${id}`) as unknown as Query

export function removePort(ctx: Ctx, row: Row, [[trunked]]: { type: string; role: string; trunk: string }[][]) {
  if (trunked) throw conflict(`Port ${row.id} is currently a ${trunked.role} for trunk ${trunked.trunk}.`, { type: trunked.type })
  if (OWNED.test(row.deviceOwner)) throw conflict(`Port ${row.id} cannot be deleted directly via the port API: has device owner ${row.deviceOwner}.`, { type: 'ServicePortInUse' })
  touchPorts(ctx, [row.id])
  ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', revision: sql`${floatingIp.revision} + 1`, updatedAt: ctx.now() }).where(eq(floatingIp.port, row.id)))
  ctx.stage(q.delete(port).where(and(eq(port.id, row.id), eq(port.deviceOwner, row.deviceOwner))), 'stale')
}
