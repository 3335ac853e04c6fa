import { and, eq } from 'drizzle-orm'
import { ec2RouteTable, ec2SubnetTable } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { Stale } from '../../kernel/fault.ts'
import { readCidr } from '../../network/addresses.ts'
import { one, toNetwork } from '../call.ts'
import { after, describe } from '../describe.ts'
import { gone, idOf, unknown, uuidOf } from '../ids.ts'
import { once } from '../instances/run.ts'
import { asking } from '../mapping/ask.ts'
import { addressOf, portOf, vpcRouter } from '../mapping/vpc.ts'
import { write } from '../service.ts'
import { TagSpecifications, text, word } from '../shapes.ts'
import { keepTags, shown, tagsFor } from '../tags/keep.ts'
import { cidrOfVpc, dependency, subnetsOf } from '../vpcs/api.ts'
import { tables, tableView, theTable, type Route, type Table } from './tables.ts'

onDuplicate('ec2_route_table.id', () => new Stale('reference'))
onDuplicate('ec2_subnet_table.subnet', () => new Stale('reference'))

/** A table says these from now on; its VPC's router knows all that lead to an address, whichever table says so. */
async function say(ctx: Ctx, x: Table, routes: Route[], others: Table[]) {
  keep(ctx, x, routes)
  const hops = [...routes, ...others.flatMap((o) => o.routes)].flatMap((r) => (r.nexthop ? [{ destination: r.destination, nexthop: r.nexthop }] : [])), same = (a: object[], b: object[]) => JSON.stringify(a) === JSON.stringify(b)
  const order = (a: any[]) => [...new Map(a.map((r) => [`${r.destination} ${r.nexthop}`, { destination: r.destination, nexthop: r.nexthop }])).entries()].sort().map(([, r]) => r)
  if (!same(order(hops), order(x.router.routes))) await toNetwork(ctx, 'PUT', `/routers/${x.router.id}`, { router: { routes: order(hops) } })
}
function keep(ctx: Ctx, x: Table, routes: Route[]) {
  if (x.kept) ctx.stage(q.update(ec2RouteTable).set({ routes }).where(and(eq(ec2RouteTable.id, x.id), eq(ec2RouteTable.routes, x.said))), 'stale')
  else ctx.stage(q.insert(ec2RouteTable).values({ id: x.id, project: ctx.project, vpc: x.vpc, routes, createdAt: ctx.now() }))
}

const target = { GatewayId: word, InstanceId: word, NetworkInterfaceId: word, NatGatewayId: word, VpcPeeringConnectionId: word, TransitGatewayId: word, EgressOnlyInternetGatewayId: word, VpcEndpointId: word }
const destination = { RouteTableId: text, DestinationCidrBlock: word, DestinationIpv6CidrBlock: word }
type Asked = { [K in keyof typeof target | keyof typeof destination]?: string } & { RouteTableId: string }

function destinationOf(i: Asked): string {
  if ((i.DestinationCidrBlock === undefined) === (i.DestinationIpv6CidrBlock === undefined)) throw awsFault('MissingParameter', 'Exactly one of DestinationCidrBlock and DestinationIpv6CidrBlock must be specified.')
  return readCidr((i.DestinationCidrBlock ?? i.DestinationIpv6CidrBlock)!, 'destinationCidrBlock').text
}
/** Where a route leads. */
async function routeOf(ctx: Ctx, i: Asked, x: Table, ways: Awaited<ReturnType<typeof tables>>['gateways']): Promise<Route> {
  const to = destinationOf(i), given = (Object.keys(target) as (keyof typeof target)[]).filter((k) => i[k] !== undefined)
  if (given.length !== 1) throw awsFault('InvalidParameterCombination', 'A route leads to exactly one of GatewayId, InstanceId and NetworkInterfaceId.')
  if (i.GatewayId) {
    const uuid = uuidOf('internet-gateway', i.GatewayId), way = ways.find((g) => g.id === uuid)
    if (!way) throw awsFault('InvalidGatewayID.NotFound', `The gateway ID '${i.GatewayId}' does not exist`)
    if (way.vpc !== x.vpc) throw awsFault('InvalidParameterValue', `route table ${i.RouteTableId} and network gateway ${i.GatewayId} belong to different networks`)
    if (!/^(0\.0\.0\.0|::)\/0$/.test(to)) throw awsFault('UnsupportedOperation', 'All that leaves by an internet gateway does so by the route to 0.0.0.0/0.')
    return { destination: to, gateway: way.id }
  }
  if (!i.InstanceId && !i.NetworkInterfaceId) throw awsFault('UnsupportedOperation', `Routes cannot lead to what ${given[0]} names: there is no such thing here.`)
  const instance = i.InstanceId ? (await one(ctx, 'instance', i.InstanceId)).id : undefined, port = instance ? await portOf(asking(ctx), instance) : await one(ctx, 'network-interface', i.NetworkInterfaceId!)
  if (port.network_id !== x.vpc) throw awsFault('InvalidParameterValue', `route table ${i.RouteTableId} and interface ${idOf('network-interface', port.id)} belong to different networks`)
  return { destination: to, nexthop: addressOf(port), port: port.id, ...(port.device_owner.startsWith('compute:') ? { instance: port.device_id } : {}) }
}
/** One router serves all tables of a VPC: it cannot send the same two ways. */
function apart(route: Route, others: Table[], id: string) {
  const other = others.flatMap((o) => o.routes.map((r) => ({ r, o }))).find(({ r }) => r.destination === route.destination && r.nexthop !== route.nexthop)
  if (other) throw awsFault('UnsupportedOperation', `Route table ${idOf('route-table', other.o.id)} of the same VPC sends ${route.destination} elsewhere; the routes of all tables of a VPC are its one router's, so that table ${id} cannot differ.`)
}
const noRoute = (id: string, to: string) => gone('InvalidRoute.NotFound', `no route with destination-cidr-block ${to} in route table ${id}`)

export default [
  write('CreateRouteTable', {
    summary: 'Make a route table', limit: 'RouteTableLimitExceeded', input: { VpcId: text, TagSpecifications, ClientToken: word },
    handle: (ctx, i) => once(ctx, 'CreateRouteTable', i, async () => {
      const vpc = await one(ctx, 'vpc', i.VpcId), router = await vpcRouter(asking(ctx), vpc.id), tags = tagsFor(i.TagSpecifications, 'route-table'), id = ctx.uuid()
      const x: Table = { id, vpc: vpc.id, project: ctx.project, router, main: false, kept: false, said: [], routes: [], subnets: [], cidr: cidrOfVpc(vpc, await subnetsOf(ctx, [vpc.id])) }
      keep(ctx, x, [])
      keepTags(ctx, 'route-table', id, tags)
      ctx.about(id)
      return { routeTable: { ...tableView(x), tagSet: shown(tags) } }
    }),
  }),
  write('DeleteRouteTable', {
    summary: 'Delete a route table', input: { RouteTableId: text },
    async handle(ctx, i) {
      const { table: x, others } = await theTable(ctx, i.RouteTableId)
      if (x.main || x.subnets.length) throw dependency(i.RouteTableId, 'routeTable')
      if (x.routes.length) await say(ctx, x, [], others)
      ctx.stage(q.delete(ec2RouteTable).where(eq(ec2RouteTable.id, x.id)), 'stale')
    },
  }),
  write('CreateRoute', {
    summary: 'Add a route to a table', limit: 'RouteLimitExceeded', input: { ...destination, ...target },
    async handle(ctx, i) {
      const { table: x, others, gateways } = await theTable(ctx, i.RouteTableId), route = await routeOf(ctx, i, x, gateways)
      if (x.routes.some((r) => r.destination === route.destination) || route.destination === x.cidr) throw awsFault('RouteAlreadyExists', `The route identified by ${route.destination} already exists.`)
      apart(route, others, i.RouteTableId)
      await say(ctx, x, [...x.routes, route], others)
      return { return: true }
    },
  }),
  write('ReplaceRoute', {
    summary: "Change where a route leads", input: { ...destination, ...target },
    async handle(ctx, i) {
      const { table: x, others, gateways } = await theTable(ctx, i.RouteTableId), route = await routeOf(ctx, i, x, gateways)
      if (!x.routes.some((r) => r.destination === route.destination)) throw noRoute(i.RouteTableId, route.destination)
      apart(route, others, i.RouteTableId)
      await say(ctx, x, x.routes.map((r) => (r.destination === route.destination ? route : r)), others)
    },
  }),
  write('DeleteRoute', {
    summary: 'Take a route out of a table', input: destination,
    async handle(ctx, i) {
      const { table: x, others } = await theTable(ctx, i.RouteTableId), to = destinationOf(i), said = x.routes.find((r) => r.destination === to)
      if (!said) throw noRoute(i.RouteTableId, to)
      if (said.gateway && !x.kept) throw awsFault('UnsupportedOperation', 'This way out was not given by a route: the router has an external gateway. Detach the internet gateway.')
      await say(ctx, x, x.routes.filter((r) => r !== said), others)
      return { return: true }
    },
  }),
  write('AssociateRouteTable', {
    summary: 'Say which table a subnet follows', input: { RouteTableId: text, SubnetId: text },
    async handle(ctx, i) {
      const { table: x, others } = await theTable(ctx, i.RouteTableId), subnet = await one(ctx, 'subnet', i.SubnetId), answer = { associationId: idOf('route-table-association', subnet.id), associationState: { state: 'associated' } }
      if (subnet.network_id !== x.vpc) throw awsFault('InvalidParameterValue', `Route table ${i.RouteTableId} and subnet ${i.SubnetId} belong to different networks`)
      if (x.subnets.includes(subnet.id)) return answer
      if (others.some((o) => o.subnets.includes(subnet.id))) throw awsFault('Resource.AlreadyAssociated', `the specified association for route table ${i.RouteTableId} conflicts with an existing association`)
      if (!x.kept) keep(ctx, x, x.routes)
      ctx.stage(q.insert(ec2SubnetTable).values({ subnet: subnet.id, routeTable: x.id }))
      return answer
    },
  }),
  write('ReplaceRouteTableAssociation', {
    summary: 'Have a subnet follow another table', input: { AssociationId: text, RouteTableId: text },
    async handle(ctx, i) {
      const { table: x, others } = await theTable(ctx, i.RouteTableId), subnet = uuidOf('route-table-association', i.AssociationId)
      if ([x, ...others].some((o) => o.main && o.id === subnet)) throw awsFault('UnsupportedOperation', "A VPC's main table is its router's; another cannot take its place.")
      if (![x, ...others].some((o) => o.subnets.includes(subnet))) throw unknown('route-table-association', i.AssociationId)
      if (!x.kept) keep(ctx, x, x.routes)
      ctx.stage(q.update(ec2SubnetTable).set({ routeTable: x.id }).where(eq(ec2SubnetTable.subnet, subnet)), 'stale')
      return { newAssociationId: i.AssociationId, associationState: { state: 'associated' } }
    },
  }),
  write('DisassociateRouteTable', {
    summary: 'Have a subnet follow the main table again', input: { AssociationId: text },
    async handle(ctx, i) {
      const uuid = uuidOf('route-table-association', i.AssociationId), all = (await tables(ctx)).tables
      if (all.some((x) => x.main && x.id === uuid)) throw awsFault('InvalidParameterValue', `cannot disassociate the main route table association ${i.AssociationId}`)
      const x = all.find((o) => o.subnets.includes(uuid))
      if (!x) throw unknown('route-table-association', i.AssociationId)
      ctx.stage(q.delete(ec2SubnetTable).where(and(eq(ec2SubnetTable.subnet, uuid), eq(ec2SubnetTable.routeTable, x.id))), 'stale')
    },
  }),
  describe<Table & { ways: Awaited<ReturnType<typeof tables>>['gateways'] }, ReturnType<typeof tableView>>('DescribeRouteTables', {
    summary: 'Describe route tables', noun: 'route-table', ids: ['RouteTableIds', 'RouteTableId'], set: 'routeTableSet',
    rows: async (ctx, asked) => after(await whole(ctx), asked), some: async (ctx, uuids) => (await whole(ctx)).filter((x) => uuids.includes(x.id)), view: (_, rows) => rows.map((x) => tableView(x, x.ways)),
    filters: {
      'route-table-id': (x) => x.routeTableId, 'vpc-id': (x) => x.vpcId, 'owner-id': (x) => x.ownerId, 'association.main': (x) => x.associationSet.map((a) => a.main), 'association.subnet-id': (x) => x.associationSet.map((a) => a.subnetId), 'association.route-table-id': (x) => x.associationSet.map((a) => a.routeTableId), 'association.route-table-association-id': (x) => x.associationSet.map((a) => a.routeTableAssociationId), 'association.gateway-id': () => undefined,
      'route.destination-cidr-block': (x) => x.routeSet.map((r) => r.destinationCidrBlock), 'route.destination-ipv6-cidr-block': (x) => x.routeSet.map((r) => r.destinationIpv6CidrBlock), 'route.gateway-id': (x) => x.routeSet.map((r) => r.gatewayId), 'route.instance-id': (x) => x.routeSet.map((r) => r.instanceId), 'route.state': (x) => x.routeSet.map((r) => r.state), 'route.origin': (x) => x.routeSet.map((r) => r.origin), 'route.nat-gateway-id': () => undefined, 'route.vpc-peering-connection-id': () => undefined,
    },
  }),
]
const whole = async (ctx: Ctx) => { const all = await tables(ctx); return all.tables.map((x) => ({ ...x, ways: all.gateways })) }
