import { eq, inArray, type SQLWrapper } from 'drizzle-orm'
import { server, serverGuest } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import { isUp } from '../../hosts/up.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { addressesView } from '../../network/ports/plan.ts'
import { addressesOf, groupNamesOf } from '../../network/ports/of-servers.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { zoneOf } from '../schedule/hosts.ts'
import type { Rule } from '../service.ts'
import { mine, serverQuery, type Server } from './model.ts'
import type { Shown } from './view.ts'

/** What lies around servers, for their views; `ids` may be a query for them, which makes a page of servers one read. */
export const around = (ids: string[] | SQLWrapper) => [
  addressesOf(ids), groupNamesOf(ids), attachmentsOf(ids),
  q.select({ id: host.id, name: host.name, zone: zoneOf, seenAt: host.seenAt, enabled: host.enabled, forcedDown: host.forcedDown }).from(host).where(inArray(host.id, q.select({ host: server.host }).from(server).where(inArray(server.id, ids)))),
] as const
type Around = { [K in keyof ReturnType<typeof around>]: Awaited<ReturnType<typeof around>[K]> }

/** Puts servers and what was read around them together. */
export function assemble(ctx: Ctx, servers: Server[], found: readonly unknown[]): Shown[] {
  const [addresses, groups, attachments, hosts] = found as unknown as Around
  const by = <T extends { server: string | null }>(rows: T[]) => Map.groupBy(rows, (r) => r.server)
  const a = by(addresses), g = by(groups), v = by(attachments.map((r) => r.attachment)), h = new Map(hosts.map((x) => [x.id, x]))
  return servers.map((s) => {
    const on = s.host ? h.get(s.host) : undefined
    return {
      ctx, server: s, addresses: addressesView(a.get(s.id) ?? []), groups: (g.get(s.id) ?? []).map((x) => x.name), host: on && { ...on, up: isUp(on, ctx.now()) },
      volumes: (v.get(s.id) ?? []).map((x) => ({ id: x.volume, deleteOnTermination: x.deleteOnTermination })),
    }
  })
}

/** One server with all that is shown of it, in one read. */
export async function lookAt(ctx: Ctx, id: string, rule: Rule): Promise<Shown> {
  const [rows, data, ...rest] = await ctx.read(serverQuery(ctx, id), q.select({ userData: serverGuest.userData }).from(serverGuest).where(eq(serverGuest.server, id)), ...around([id]))
  const [shown] = assemble(ctx, [mine(ctx, rows, id, rule)], rest)
  return { ...shown, single: true, userData: data[0]?.userData }
}
