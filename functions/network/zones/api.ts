import { host } from '../../../schema/host.ts'
import { isUp } from '../../hosts/up.ts'
import { q } from '../../kernel/db.ts'
import { endpoint } from '../service.ts'

export const zones = endpoint({
  id: 'availability_zones.list', method: 'GET', path: '/availability_zones', status: 200, policy: 'get_availability_zone', summary: 'Availability zones of networks and routers',
  async handle(ctx, { query }) {
    const [rows] = await ctx.read(q.select({ zone: host.zone, seenAt: host.seenAt, forcedDown: host.forcedDown, enabled: host.enabled }).from(host))
    const list = [...new Set(rows.map((r) => r.zone))].sort().flatMap((name) => ['network', 'router'].map((resource) => ({ name, resource, state: rows.some((r) => r.zone === name && r.enabled && isUp(r, ctx.now())) ? 'available' : 'unavailable' })))
    const wanted = (['name', 'resource', 'state'] as const).filter((k) => query.has(k))
    return { availability_zones: list.filter((z) => wanted.every((k) => query.getAll(k).includes(z[k]))) }
  },
})
