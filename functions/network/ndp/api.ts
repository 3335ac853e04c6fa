import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, ndpProxy, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rowQuery, rows, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { readAddress } from '../addresses.ts'
import { portResource } from '../ports/api.ts'
import { routerResource } from '../routers/api.ts'
import { legsOf, outsideOf } from '../routers/gateway.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView } from '../standard.ts'
import { listed, touch } from '../touch.ts'

onDuplicate('ndp_proxy.router, ndp_proxy.address', () => conflict('There is already an NDP proxy for this address at this router.', { type: 'DuplicateEntry' }))
const id = t.String({ maxLength: 36 })

/** Addresses of IPv6 inside that their router answers for outside, so that what is there sends them to it. */
export const ndpResource: Resource = {
  name: 'ndp_proxy', plural: 'ndp_proxies', path: '/ndp_proxies', table: ndpProxy, sort: [['id', 'asc']], noun: 'ndp proxy', faultType: 'NDPProxyNotFound',
  view: (r) => { const { tags: _, ...rest } = standardView(r); return { ...rest, router_id: r.router, port_id: r.port, ip_address: r.address } },
  fields: {
    ...standardFields, router_id: field(id, 'create filter sort required', 'router'), port_id: field(id, 'create filter sort required', 'port'), ip_address: field(t.String({ maxLength: 64 }), 'create filter sort', 'address'),
  },
  verbs: {
    async create(ctx: Ctx, values: Row) {
      const [found, ports, legs, outside, held] = await ctx.read(rowQuery(routerResource, ctx, values.router) as Query, rowQuery(portResource, ctx, values.port) as Query, legsOf(values.router), outsideOf(values.router),
        q.select({ address: address.address, subnet: address.subnet }).from(address).innerJoin(subnet, eq(subnet.id, address.subnet)).where(sql`${address.port} = ${values.port} and ${subnet.version} = 6`)) as unknown as [Row[], Row[], { subnet: { id: string } }[], { subnet: { version: number } }[], { address: string; subnet: string }[]]
      const r = theRow(routerResource, found, ctx, values.router, 'get_router')
      if (!ports[0]) throw notFound('port', values.port, undefined, { type: 'PortNotFound' })
      if (!r.ndpProxy) throw conflict(`The enable_ndp_proxy parameter of router ${r.id} must be set as True while creating ndp proxy entry on it.`, { type: 'RouterNDPProxyNotEnable' })
      if (!outside.some((o) => o.subnet.version === 6)) throw conflict(`The router ${r.id} has no external gateway with an IPv6 address.`, { type: 'RouterGatewayNotValid', status: 400 })
      const asked = values.address ? readAddress(values.address, 'ip_address') : undefined
      if (asked && asked.version !== 6) throw invalid(`Invalid input for ip_address. Reason: '${asked.text}' is not an IPv6 address.`)
      const at = asked ? held.find((h) => h.address === asked.text) : held[0]
      if (!at) throw conflict(`The address ${asked?.text ?? ''} is not one of port ${values.port}.`, { type: 'PortUnreachableRouter' })
      if (!legs.some((l) => l.subnet.id === at.subnet)) throw conflict(`The port ${values.port} cannot reach the router ${r.id} by IPv6 subnet.`, { type: 'PortUnreachableRouter' })
      const row = { ...standardRow(ctx, values), router: r.id as string, port: values.port as string, address: at.address }
      ctx.stage(q.insert(ndpProxy).values(row))
      touch(ctx, { routers: listed([r.id]) })
      return row
    },
    update: rows(ndpProxy).update,
    remove(ctx, row) {
      touch(ctx, { routers: listed([row.router]) })
      rows(ndpProxy).remove(ctx, row)
    },
  },
}
export const ndpProxies = resource(style, ndpResource)
