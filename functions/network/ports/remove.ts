import { and, eq, sql } from 'drizzle-orm'
import { floatingIp, port } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { enqueue } from '../../kernel/queue.ts'
import type { Row } from '../../kernel/resource.ts'
import { touchPorts } from '../touch.ts'

/** Ports that the cloud made for something go with that something. */
const OWNED = /^network:(router_|ha_router|floatingip)/

export const trunksOf = (id: string) => q.all(sql`select 'PortInUseAsTrunkParent' as type, 'parent port' as role, id as trunk from trunk where port = ${id} union all select 'PortInUseAsSubPort', 'subport', trunk from sub_port where port = ${id}`) as unknown as Query

/** The guest that has the port's card, and where. */
export const guestOf = (id: string) => q.all(sql`select s.id as server, p.host from port p join server s on s.id = p.device where p.id = ${id} and p.device_owner like 'compute:%' and p.host is not null`) as unknown as Query

export function removePort(ctx: Ctx, row: Row, joined: unknown[][]) {
  const [[trunked], [guest]] = joined as [{ type: string; role: string; trunk: string }[], { server: string; host: string }[]]
  if (trunked) throw conflict(`Port ${row.id} is currently a ${trunked.role} for trunk ${trunked.trunk}.`, { type: trunked.type })
  if (OWNED.test(row.deviceOwner)) throw conflict(`Port ${row.id} cannot be deleted directly via the port API: has device owner ${row.deviceOwner}.`, { type: 'ServicePortInUse' })
  touchPorts(ctx, [row.id])
  // Nobody waits for the guest to let go of the card; without a port it is dead at once, and the next start has none.
  if (guest) enqueue(ctx, { host: guest.host, lane: row.id, kind: 'domain.detach-port', args: { uuid: guest.server, port: row.id, mac: row.mac } })
  ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', revision: sql`${floatingIp.revision} + 1`, updatedAt: ctx.now() }).where(eq(floatingIp.port, row.id)))
  ctx.stage(q.delete(port).where(and(eq(port.id, row.id), eq(port.deviceOwner, row.deviceOwner))), 'stale')
}
