import { awsFault } from '../../aws/faults.ts'
import { arn } from '../../aws/arn.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { Fault } from '../../kernel/fault.ts'
import { network, one, toNetwork, unless } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf } from '../ids.ts'
import { nameServers, optionsByVpc } from '../dhcp/find.ts'
import { asking } from '../mapping/ask.ts'
import { legsIn, makeSubnet, put, unlessGone, vpcRouter } from '../mapping/vpc.ts'
import { write } from '../service.ts'
import { TagSpecifications, text, word } from '../shapes.ts'
import { step } from '../step.ts'
import { keepTags, nameIn, shown, tagsFor } from '../tags/keep.ts'
import { dependency } from '../vpcs/api.ts'

/** Networks reach every host: a subnet lies in all zones, and says this one's name. */
export const ZONE = 'nova'
const capacity = (cidr: string) => (cidr.includes(':') ? 0 : Math.max(0, 2 ** (32 - Number(cidr.split('/')[1])) - 2))
const view = (ctx: Ctx, s: any, used: number) => ({
  subnetId: idOf('subnet', s.id), vpcId: idOf('vpc', s.network_id), ownerId: s.project_id as string, state: 'available', cidrBlock: s.cidr as string, availabilityZone: ZONE, availabilityZoneId: ZONE, availableIpAddressCount: Math.max(0, capacity(s.cidr) - used), defaultForAz: false, mapPublicIpOnLaunch: s.description === 'public',
  assignIpv6AddressOnCreation: false, ipv6CidrBlockAssociationSet: [], subnetArn: arn(ctx, 'ec2', `subnet/${idOf('subnet', s.id)}`), tagSet: [] as { key: string; value: string }[],
})
type View = ReturnType<typeof view>
/** How many addresses of each are taken: by anybody, or by what would keep a subnet from going. */
async function taken(ctx: Ctx, subnets: any[], own = true): Promise<Map<string, number>> {
  const counts = new Map<string, number>(), networks = [...new Set(subnets.map((s) => s.network_id as string))]
  if (networks.length) for (const p of (await network(ctx, '/ports', { network_id: networks, fields: ['fixed_ips', 'device_owner'] })).ports) if (own || !p.device_owner.startsWith('network:')) for (const f of p.fixed_ips) counts.set(f.subnet_id, (counts.get(f.subnet_id) ?? 0) + 1)
  return counts
}

export default [
  write('CreateSubnet', {
    summary: 'Make a subnet of a VPC, with a leg of its router', limit: 'SubnetLimitExceeded', input: { VpcId: text, CidrBlock: text, AvailabilityZone: word, AvailabilityZoneId: word, TagSpecifications },
    async handle(ctx, i) {
      const zone = i.AvailabilityZone ?? i.AvailabilityZoneId
      if (zone && zone !== ZONE) throw awsFault('InvalidParameterValue', `Value (${zone}) for parameter availabilityZone is invalid. Subnets are in every zone; say ${ZONE} or nothing.`)
      const tags = tagsFor(i.TagSpecifications, 'subnet'), vpc = await one(ctx, 'vpc', i.VpcId)
      const clash = (e: Fault) => (/overlap/i.test(e.message) ? awsFault('InvalidSubnet.Conflict', `The CIDR '${i.CidrBlock}' conflicts with another subnet`) : /does not lie within/.test(e.message) ? awsFault('InvalidSubnet.Range', e.message) : e)
      const made = await step(ctx, (c) => unless('conflict', clash, () => unless('invalid', clash, async () => {
        const dns = nameServers((await optionsByVpc(c, [vpc.id])).get(vpc.id)).filter((a) => a.includes(':') === i.CidrBlock.includes(':')), subnet = await makeSubnet(asking(c), { network: vpc, cidr: i.CidrBlock, name: nameIn(tags) ?? '', ...(dns.length ? { dns } : {}) })
        keepTags(c, 'subnet', subnet.id, tags)
        c.about(subnet.id)
        return subnet
      })))
      try { await step(ctx, async (c) => put(asking(c), `/routers/${(await vpcRouter(asking(c), vpc.id)).id}/add_router_interface`, { subnet_id: made.id })) } catch (e) {
        await step(ctx, (c) => toNetwork(c, 'DELETE', `/subnets/${made.id}`)).catch(() => {})
        throw e
      }
      return { subnet: { ...view(ctx, made, (await taken(ctx, [made])).get(made.id) ?? 0), tagSet: shown(tags) } }
    },
  }),
  write('DeleteSubnet', {
    summary: 'Delete a subnet', input: { SubnetId: text },
    async handle(ctx, i) {
      const subnet = await one(ctx, 'subnet', i.SubnetId), legs = await legsIn(asking(ctx), subnet.id)
      if ((await taken(ctx, [subnet], false)).get(subnet.id)) throw dependency(i.SubnetId, 'subnet')
      for (const leg of legs) await step(ctx, (c) => unless('conflict', () => dependency(i.SubnetId, 'subnet'), () => unlessGone(() => put(asking(c), `/routers/${leg.device_id}/remove_router_interface`, { subnet_id: subnet.id })).then(() => undefined)))
      try { await step(ctx, (c) => unless('conflict', () => dependency(i.SubnetId, 'subnet'), () => toNetwork(c, 'DELETE', `/subnets/${subnet.id}`))) } catch (e) {
        for (const leg of legs) await step(ctx, (c) => put(asking(c), `/routers/${leg.device_id}/add_router_interface`, { subnet_id: subnet.id })).catch(() => {})
        throw e
      }
    },
  }),
  describe<any, View>('DescribeSubnets', {
    summary: 'Describe subnets', noun: 'subnet', ids: ['SubnetIds', 'SubnetId'], set: 'subnetSet', name: (s) => s.name,
    rows: async (ctx, { limit, marker }) => (await network(ctx, '/subnets', { project_id: ctx.project, limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}) })).subnets,
    view: async (ctx, rows) => { const used = await taken(ctx, rows); return rows.map((s) => view(ctx, s, used.get(s.id) ?? 0)) },
    filters: {
      'subnet-id': (s) => s.subnetId, 'vpc-id': (s) => s.vpcId, state: (s) => s.state, 'cidr-block': (s) => s.cidrBlock, cidr: (s) => s.cidrBlock, cidrBlock: (s) => s.cidrBlock, 'availability-zone': (s) => s.availabilityZone, availabilityZone: (s) => s.availabilityZone, 'availability-zone-id': (s) => s.availabilityZoneId,
      'available-ip-address-count': (s) => s.availableIpAddressCount, 'default-for-az': (s) => s.defaultForAz, defaultForAz: (s) => s.defaultForAz, 'map-public-ip-on-launch': (s) => s.mapPublicIpOnLaunch, 'owner-id': (s) => s.ownerId, 'subnet-arn': (s) => s.subnetArn, 'ipv6-native': () => false,
    },
  }),
]
