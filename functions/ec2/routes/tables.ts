import { eq, inArray } from 'drizzle-orm'
import { ec2RouteTable, ec2SubnetTable } from '../../../schema/ec2.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { network } from '../call.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { asking } from '../mapping/ask.ts'
import { routersOf } from '../mapping/vpc.ts'
import { cidrOfVpc, subnetsOf } from '../vpcs/api.ts'
import { gateways, type Gateway } from './gateways.ts'

export type Route = (typeof ec2RouteTable.$inferSelect)['routes'][number]
/** `kept`: there is a row of it; a VPC's main table (its router's id) needs none until something is said of it. */
export interface Table { id: string; vpc: string; project: string; router: any; main: boolean; kept: boolean; /** As its row says them. */ said: Route[]; routes: Route[]; subnets: string[]; cidr: string }

/** The tables of all VPCs: the main one, and those that were made. What the router knows and no table says is the main one's. */
export async function tables(ctx: Ctx): Promise<{ tables: Table[]; gateways: Gateway[] }> {
  const [{ networks }, [rows], ways] = await Promise.all([network(ctx, '/networks', { project_id: ctx.project, 'router:external': 'false' }), ctx.read(q.select().from(ec2RouteTable).where(eq(ec2RouteTable.project, ctx.project))), gateways(ctx)])
  const vpcs = networks.map((n: any) => n.id as string), [routers, subnets, [followed]] = await Promise.all([routersOf(asking(ctx), vpcs), subnetsOf(ctx, vpcs), ctx.read(q.select().from(ec2SubnetTable).where(inArray(ec2SubnetTable.routeTable, q.select({ id: ec2RouteTable.id }).from(ec2RouteTable).where(eq(ec2RouteTable.project, ctx.project)))))])
  const out: Table[] = []
  for (const n of networks) {
    const router = routers.get(n.id)
    if (!router) continue
    const own = rows.filter((r) => r.vpc === n.id), main = own.find((r) => r.id === router.id), cidr = cidrOfVpc(n, subnets), way = ways.find((g) => g.vpc === n.id)
    const said = new Set(own.flatMap((r) => r.routes.map((x) => x.destination)))
    const rest: Route[] = [...router.routes.filter((r: any) => !said.has(r.destination)), ...(way && !way.kept && !main?.routes.some((r) => r.gateway) ? [{ destination: '0.0.0.0/0', gateway: way.id }] : [])]
    const about = (id: string) => ({ id, vpc: n.id, project: n.project_id, router, cidr, subnets: followed.filter((f) => f.routeTable === id).map((f) => f.subnet) })
    out.push({ ...about(router.id), main: true, kept: Boolean(main), said: main?.routes ?? [], routes: [...main?.routes ?? [], ...rest] }, ...own.filter((r) => r !== main).map((r) => ({ ...about(r.id), main: false, kept: true, said: r.routes, routes: r.routes })))
  }
  return { tables: out, gateways: ways }
}
/** One table, and the others of the same VPC. */
export async function theTable(ctx: Ctx, id: string): Promise<{ table: Table; others: Table[]; gateways: Gateway[] }> {
  const all = await tables(ctx), uuid = uuidOf('route-table', id), table = all.tables.find((x) => x.id === uuid)
  if (!table) throw unknown('route-table', id)
  return { table, others: all.tables.filter((x) => x.vpc === table.vpc && x !== table), gateways: all.gateways }
}

export function tableView(x: Table, ways: Gateway[] = []) {
  const id = idOf('route-table', x.id)
  return {
    routeTableId: id, vpcId: idOf('vpc', x.vpc), ownerId: x.project, propagatingVgwSet: [], tagSet: [] as { key: string; value: string }[],
    associationSet: [...(x.main ? [{ main: true, routeTableAssociationId: idOf('route-table-association', x.id), routeTableId: id, subnetId: undefined as string | undefined, associationState: { state: 'associated' } }] : []),
      ...x.subnets.map((s) => ({ main: false, routeTableAssociationId: idOf('route-table-association', s), routeTableId: id, subnetId: idOf('subnet', s) as string | undefined, associationState: { state: 'associated' } }))],
    routeSet: [{ ...to(x.cidr), gatewayId: 'local' as string | undefined, state: 'active', origin: 'CreateRouteTable', instanceId: undefined as string | undefined, networkInterfaceId: undefined as string | undefined },
      ...x.routes.map((r) => ({ ...to(r.destination), gatewayId: r.gateway && idOf('internet-gateway', r.gateway), instanceId: r.instance && idOf('instance', r.instance), networkInterfaceId: r.port && idOf('network-interface', r.port), state: r.gateway && !ways.some((g) => g.id === r.gateway && g.vpc === x.vpc) ? 'blackhole' : 'active', origin: 'CreateRoute' }))],
  }
}
const to = (cidr: string) => (cidr.includes(':') ? { destinationIpv6CidrBlock: cidr, destinationCidrBlock: undefined } : { destinationCidrBlock: cidr, destinationIpv6CidrBlock: undefined })
