import { eq } from 'drizzle-orm'
import { ec2Gateway } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { network, one, unless } from '../call.ts'
import { after, describe } from '../describe.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { asking } from '../mapping/ask.ts'
import { outside, put, routersOf, vpcRouter } from '../mapping/vpc.ts'
import { write } from '../service.ts'
import { TagSpecifications, text } from '../shapes.ts'
import { keepTags, shown, tagsFor } from '../tags/keep.ts'
import { dependency } from '../vpcs/api.ts'

/** A way out; `kept`: not just an external gateway that another API has set. */
export interface Gateway { id: string; project: string; vpc: string | null; router?: any; kept: boolean }

/** Those that were made, and the external gateways of routers that were given theirs otherwise; attached is what the router says. */
export async function gateways(ctx: Ctx): Promise<Gateway[]> {
  const [[rows], { networks }] = await Promise.all([ctx.read(q.select().from(ec2Gateway).where(eq(ec2Gateway.project, ctx.project))), network(ctx, '/networks', { project_id: ctx.project, 'router:external': 'false', fields: 'id' })])
  const routers = await routersOf(asking(ctx), networks.map((n: any) => n.id)), open = new Map([...routers].filter(([, r]) => r.external_gateway_info))
  const kept = rows.map((g): Gateway => ({ id: g.id, project: g.project, vpc: g.vpc && open.has(g.vpc) ? g.vpc : null, router: g.vpc ? open.get(g.vpc) : undefined, kept: true }))
  const others = new Map([...open].filter(([vpc]) => !kept.some((g) => g.vpc === vpc)).map(([vpc, router]) => [router.id, { id: router.id, project: router.project_id, vpc, router, kept: false } as Gateway]))
  return [...kept, ...[...others.values()].filter((g) => !kept.some((k) => k.id === g.id))]
}
export async function theGateway(ctx: Ctx, id: string): Promise<Gateway> {
  const uuid = uuidOf('internet-gateway', id), found = (await gateways(ctx)).find((g) => g.id === uuid)
  if (!found) throw unknown('internet-gateway', id)
  return found
}
const view = (g: Gateway) => ({ internetGatewayId: idOf('internet-gateway', g.id), ownerId: g.project, attachmentSet: g.vpc ? [{ vpcId: idOf('vpc', g.vpc), state: 'available' }] : [], tagSet: [] as { key: string; value: string }[] })

export default [
  write('CreateInternetGateway', {
    summary: 'Make an internet gateway', input: { TagSpecifications },
    async handle(ctx, i) {
      const tags = tagsFor(i.TagSpecifications, 'internet-gateway'), id = ctx.uuid()
      await outside(asking(ctx))
      ctx.stage(q.insert(ec2Gateway).values({ id, project: ctx.project, vpc: null, createdAt: ctx.now() }))
      keepTags(ctx, 'internet-gateway', id, tags)
      ctx.about(id)
      return { internetGateway: { ...view({ id, project: ctx.project, vpc: null, kept: true }), tagSet: shown(tags) } }
    },
  }),
  write('AttachInternetGateway', {
    summary: "Attach an internet gateway: the VPC's router leads outside", input: { InternetGatewayId: text, VpcId: text },
    async handle(ctx, i) {
      const gateway = await theGateway(ctx, i.InternetGatewayId), vpc = await one(ctx, 'vpc', i.VpcId)
      if (gateway.vpc) throw awsFault('Resource.AlreadyAssociated', `resource ${i.InternetGatewayId} is already attached to network ${idOf('vpc', gateway.vpc)}`)
      const router = await vpcRouter(asking(ctx), vpc.id)
      if (router.external_gateway_info) throw awsFault('InvalidParameterValue', `Network ${i.VpcId} already has an internet gateway attached`)
      await put(asking(ctx), `/routers/${router.id}`, { router: { external_gateway_info: { network_id: await outside(asking(ctx)) } } })
      // What was attached before another API took the gateway away is so no more.
      ctx.stage(q.update(ec2Gateway).set({ vpc: null }).where(eq(ec2Gateway.vpc, vpc.id)))
      ctx.stage(q.update(ec2Gateway).set({ vpc: vpc.id }).where(eq(ec2Gateway.id, gateway.id)), 'stale')
    },
  }),
  write('DetachInternetGateway', {
    summary: 'Detach an internet gateway', input: { InternetGatewayId: text, VpcId: text },
    async handle(ctx, i) {
      const gateway = await theGateway(ctx, i.InternetGatewayId)
      if (!gateway.vpc || gateway.vpc !== uuidOf('vpc', i.VpcId)) throw awsFault('Gateway.NotAttached', `resource ${i.InternetGatewayId} is not attached to network ${i.VpcId}`)
      await unless('conflict', () => awsFault('DependencyViolation', `Network ${i.VpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`), () => put(asking(ctx), `/routers/${gateway.router.id}`, { router: { external_gateway_info: null } }))
      if (gateway.kept) ctx.stage(q.update(ec2Gateway).set({ vpc: null }).where(eq(ec2Gateway.id, gateway.id)), 'stale')
      else ctx.stage(q.insert(ec2Gateway).values({ id: gateway.id, project: ctx.project, vpc: null, createdAt: ctx.now() }))
    },
  }),
  write('DeleteInternetGateway', {
    summary: 'Delete an internet gateway', input: { InternetGatewayId: text },
    async handle(ctx, i) {
      const gateway = await theGateway(ctx, i.InternetGatewayId)
      if (gateway.vpc) throw dependency(i.InternetGatewayId, 'internetGateway')
      ctx.stage(q.delete(ec2Gateway).where(eq(ec2Gateway.id, gateway.id)), 'stale')
    },
  }),
  describe<Gateway, ReturnType<typeof view>>('DescribeInternetGateways', {
    summary: 'Describe internet gateways', noun: 'internet-gateway', ids: ['InternetGatewayIds', 'InternetGatewayId'], set: 'internetGatewaySet',
    rows: async (ctx, asked) => after(await gateways(ctx), asked), some: async (ctx, uuids) => (await gateways(ctx)).filter((g) => uuids.includes(g.id)), view: (_, rows) => rows.map(view),
    filters: { 'internet-gateway-id': (g) => g.internetGatewayId, 'owner-id': (g) => g.ownerId, 'attachment.vpc-id': (g) => g.attachmentSet.map((a) => a.vpcId), 'attachment.state': (g) => g.attachmentSet.map((a) => a.state) },
  }),
]
