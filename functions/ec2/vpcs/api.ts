import { and, eq } from 'drizzle-orm'
import { ec2Gateway, ec2GroupVpc } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { readCidr } from '../../network/addresses.ts'
import { network, one, toNetwork, unless } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf } from '../ids.ts'
import { optionsByVpc } from '../dhcp/find.ts'
import { asking } from '../mapping/ask.ts'
import { makeVpc, rangeOf, routersOf } from '../mapping/vpc.ts'
import { write } from '../service.ts'
import { flag, TagSpecifications, text, word } from '../shapes.ts'
import { keepTags, nameIn, shown, tagsFor } from '../tags/keep.ts'

export const dependency = (id: string, kind = 'vpc') => awsFault('DependencyViolation', `The ${kind} '${id}' has dependencies and cannot be deleted.`)
export const subnetsOf = async (ctx: Ctx, vpcs: string[]): Promise<any[]> => (vpcs.length ? (await network(ctx, '/subnets', { network_id: vpcs })).subnets : [])
/** What was said when it was made; of a network that was made otherwise, its first subnet's. */
export const cidrOfVpc = (n: any, subnets: any[]): string => rangeOf(n) ?? subnets.find((s) => s.network_id === n.id && s.ip_version === 4)?.cidr ?? '0.0.0.0/0'
const view = (n: any, cidr: string, options?: string) => ({
  vpcId: idOf('vpc', n.id), ownerId: n.project_id as string, state: 'available', cidrBlock: cidr, dhcpOptionsId: options ? idOf('dhcp-options', options) : 'default', instanceTenancy: 'default', isDefault: false,
  cidrBlockAssociationSet: [{ associationId: idOf('vpc-cidr', n.id), cidrBlock: cidr, cidrBlockState: { state: 'associated' } }], tagSet: [] as { key: string; value: string }[],
})

export default [
  write('CreateVpc', {
    summary: 'Make a VPC: a network and its router', limit: 'VpcLimitExceeded', input: { CidrBlock: text, InstanceTenancy: word, AmazonProvidedIpv6CidrBlock: flag, TagSpecifications },
    async handle(ctx, i) {
      const cidr = readCidr(i.CidrBlock, 'CidrBlock'), bits = Number(cidr.text.split('/')[1])
      if (cidr.version !== 4) throw awsFault('InvalidParameterValue', `Value (${i.CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`)
      if (bits < 16 || bits > 28) throw awsFault('InvalidVpc.Range', `The CIDR '${i.CidrBlock}' is invalid.`)
      if (i.AmazonProvidedIpv6CidrBlock) throw awsFault('UnsupportedOperation', 'There is no pool that VPCs get IPv6 ranges from.')
      if (i.InstanceTenancy && i.InstanceTenancy !== 'default') throw awsFault('UnsupportedOperation', `Tenancy '${i.InstanceTenancy}' is not supported.`)
      const tags = tagsFor(i.TagSpecifications, 'vpc'), made = await makeVpc(asking(ctx), { name: nameIn(tags) ?? '', cidr: cidr.text })
      keepTags(ctx, 'vpc', made.network.id, tags)
      ctx.about(made.network.id)
      return { vpc: { ...view(made.network, cidr.text), state: 'pending', tagSet: shown(tags) } }
    },
  }),
  write('DeleteVpc', {
    summary: 'Delete a VPC', input: { VpcId: text },
    async handle(ctx, i) {
      const vpc = await one(ctx, 'vpc', i.VpcId), [subnets, [gateways, groups], routers] = await Promise.all([subnetsOf(ctx, [vpc.id]), ctx.read(q.select({ id: ec2Gateway.id }).from(ec2Gateway).where(eq(ec2Gateway.vpc, vpc.id)), q.select({ id: ec2GroupVpc.group }).from(ec2GroupVpc).where(and(eq(ec2GroupVpc.vpc, vpc.id)))), routersOf(asking(ctx), [vpc.id])])
      const router = routers.get(vpc.id)
      if (subnets.length || groups.length || (gateways.length && router?.external_gateway_info)) throw dependency(i.VpcId)
      await unless('conflict', () => dependency(i.VpcId), async () => {
        if (router?.name === `vpc-${vpc.id}`) await toNetwork(ctx, 'DELETE', `/routers/${router.id}`)
        await toNetwork(ctx, 'DELETE', `/networks/${vpc.id}`)
      })
    },
  }),
  describe<any, ReturnType<typeof view>>('DescribeVpcs', {
    summary: 'Describe VPCs', noun: 'vpc', ids: ['VpcIds', 'VpcId'], set: 'vpcSet', name: (n) => n.name,
    rows: async (ctx, { limit, marker }) => (await network(ctx, '/networks', { project_id: ctx.project, 'router:external': 'false', limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}) })).networks,
    view: async (ctx, rows) => { const all = rows.map((n) => n.id), [subnets, options] = await Promise.all([subnetsOf(ctx, all), optionsByVpc(ctx, all)]); return rows.map((n) => view(n, cidrOfVpc(n, subnets), options.get(n.id)?.id)) },
    filters: {
      'vpc-id': (v) => v.vpcId, cidr: (v) => v.cidrBlock, 'cidr-block': (v) => v.cidrBlock, 'cidr-block-association.cidr-block': (v) => v.cidrBlock, 'cidr-block-association.association-id': (v) => v.cidrBlockAssociationSet[0].associationId, 'cidr-block-association.state': () => 'associated', state: (v) => v.state, 'owner-id': (v) => v.ownerId,
      'is-default': (v) => v.isDefault, isDefault: (v) => v.isDefault, 'dhcp-options-id': (v) => v.dhcpOptionsId, 'ipv6-cidr-block-association.ipv6-cidr-block': () => undefined,
    },
  }),
]
