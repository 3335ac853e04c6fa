import { awsFault } from '../../aws/faults.ts'
import { regionOf } from '../../aws/arn.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { network, one, toNetwork, unless } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { asking } from '../mapping/ask.ts'
import { addressOf, outside, portOf } from '../mapping/vpc.ts'
import { write } from '../service.ts'
import { flag, names, TagSpecifications, word } from '../shapes.ts'
import { keepTags, shown, tagsFor } from '../tags/keep.ts'

const noAddress = (address: string) => awsFault('InvalidAddress.NotFound', `Address '${address.slice(0, 80)}' not found.`)
async function theAddress(ctx: Ctx, i: { AllocationId?: string; PublicIp?: string }): Promise<any> {
  if ((i.AllocationId === undefined) === (i.PublicIp === undefined)) throw awsFault(i.AllocationId ? 'InvalidParameterCombination' : 'MissingParameter', 'Either public IP or allocation id must be specified')
  if (i.AllocationId) return one(ctx, 'elastic-ip', i.AllocationId)
  const [found] = (await network(ctx, '/floatingips', { floating_ip_address: i.PublicIp!, project_id: ctx.project })).floatingips
  if (!found) throw noAddress(i.PublicIp!)
  return found
}
function view(ctx: Ctx, f: any, port: any) {
  const held = f.port_id ? { associationId: idOf('elastic-ip-association', f.id), networkInterfaceId: idOf('network-interface', f.port_id), networkInterfaceOwnerId: f.project_id as string, privateIpAddress: f.fixed_ip_address as string, instanceId: port?.device_owner.startsWith('compute:') ? idOf('instance', port.device_id) : undefined } : undefined
  return { allocationId: idOf('elastic-ip', f.id), publicIp: f.floating_ip_address as string, domain: 'vpc', networkBorderGroup: regionOf(ctx), publicIpv4Pool: 'amazon', ...held, tagSet: [] as { key: string; value: string }[] } as { [K in 'allocationId' | 'publicIp' | 'domain' | 'networkBorderGroup' | 'publicIpv4Pool']: string } & { [K in 'associationId' | 'networkInterfaceId' | 'networkInterfaceOwnerId' | 'privateIpAddress' | 'instanceId']?: string } & { tagSet: { key: string; value: string }[] }
}
const views = async (ctx: Ctx, rows: any[]) => {
  const at = rows.flatMap((f) => f.port_id ?? []), ports = new Map<string, any>(at.length ? (await network(ctx, '/ports', { id: at })).ports.map((p: any) => [p.id, p]) : [])
  return rows.map((f) => view(ctx, f, ports.get(f.port_id)))
}
const lead = (ctx: Ctx, id: string, to: object) => toNetwork(ctx, 'PUT', `/floatingips/${id}`, { floatingip: to })

export default [
  write('AllocateAddress', {
    summary: 'Get a public address', limit: 'AddressLimitExceeded', input: { Domain: word, Address: word, PublicIpv4Pool: word, NetworkBorderGroup: word, TagSpecifications },
    async handle(ctx, i) {
      if (i.Domain && !['vpc', 'standard'].includes(i.Domain)) throw awsFault('InvalidParameterValue', `Invalid value '${i.Domain}' for domain.`)
      const tags = tagsFor(i.TagSpecifications, 'elastic-ip')
      const { floatingip } = await toNetwork(ctx, 'POST', '/floatingips', { floatingip: { floating_network_id: await outside(asking(ctx)), ...(i.Address ? { floating_ip_address: i.Address } : {}) } })
      keepTags(ctx, 'elastic-ip', floatingip.id, tags)
      ctx.about(floatingip.id)
      const { tagSet: _, ...answer } = { ...view(ctx, floatingip, undefined), tagSet: shown(tags) }
      return answer
    },
  }),
  write('AssociateAddress', {
    summary: 'Lead a public address to an instance or a network interface', input: { AllocationId: word, PublicIp: word, InstanceId: word, NetworkInterfaceId: word, PrivateIpAddress: word, AllowReassociation: flag },
    async handle(ctx, i) {
      const found = await theAddress(ctx, i)
      if (!i.InstanceId && !i.NetworkInterfaceId) throw awsFault('MissingParameter', 'Either instance ID or network interface id must be specified')
      const port = i.NetworkInterfaceId ? await one(ctx, 'network-interface', i.NetworkInterfaceId) : await portOf(asking(ctx), (await one(ctx, 'instance', i.InstanceId!)).id, i.PrivateIpAddress)
      if (i.NetworkInterfaceId && i.InstanceId && port.device_id !== uuidOf('instance', i.InstanceId)) throw awsFault('InvalidParameterCombination', `Network interface ${i.NetworkInterfaceId} is not of instance ${i.InstanceId}`)
      if (found.port_id && found.port_id !== port.id && i.AllowReassociation !== true && i.AllocationId) throw awsFault('Resource.AlreadyAssociated', `resource ${idOf('elastic-ip', found.id)} is already associated with associate-id ${idOf('elastic-ip-association', found.id)}`)
      const noWay = () => awsFault('Gateway.NotAttached', `Network ${idOf('vpc', port.network_id)} is not attached to any internet gateway`)
      await unless('conflict', (e) => awsFault('Resource.AlreadyAssociated', e.message), () => unless('notFound', noWay, () => lead(ctx, found.id, { port_id: port.id, fixed_ip_address: i.PrivateIpAddress ?? addressOf(port) })))
      return { return: true, associationId: idOf('elastic-ip-association', found.id) }
    },
  }),
  write('DisassociateAddress', {
    summary: 'Lead a public address nowhere', input: { AssociationId: word, PublicIp: word },
    async handle(ctx, i) {
      const found = i.AssociationId ? await one(ctx, 'elastic-ip', uuidOf('elastic-ip-association', i.AssociationId)).catch((e) => { throw e.kind === 'notFound' ? unknown('elastic-ip-association', i.AssociationId!) : e }) : await theAddress(ctx, { PublicIp: i.PublicIp })
      if (!found.port_id) throw i.AssociationId ? unknown('elastic-ip-association', i.AssociationId) : awsFault('InvalidAddress.NotFound', `The address '${i.PublicIp}' is not associated.`)
      await lead(ctx, found.id, { port_id: null })
    },
  }),
  write('ReleaseAddress', {
    summary: 'Give a public address back', input: { AllocationId: word, PublicIp: word, NetworkBorderGroup: word },
    async handle(ctx, i) {
      const found = await theAddress(ctx, i)
      if (found.port_id) throw awsFault('InvalidIPAddress.InUse', `Address ${found.floating_ip_address} is in use.`)
      await toNetwork(ctx, 'DELETE', `/floatingips/${found.id}`)
    },
  }),
  describe<any, ReturnType<typeof view>, { PublicIps: ReturnType<typeof names> }>('DescribeAddresses', {
    summary: 'Describe public addresses', noun: 'elastic-ip', ids: ['AllocationIds', 'AllocationId'], set: 'addressesSet', more: { PublicIps: names('PublicIp') },
    rows: async (ctx, { limit, marker }, input) => {
      const { floatingips: rows } = await network(ctx, '/floatingips', { project_id: ctx.project, limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}), ...(input.PublicIps?.length ? { floating_ip_address: input.PublicIps } : {}) })
      const missing = marker ? undefined : input.PublicIps?.find((a) => !rows.some((f: any) => f.floating_ip_address === a))
      if (missing !== undefined && rows.length < limit) throw noAddress(missing)
      return rows
    },
    view: views,
    filters: { 'allocation-id': (a) => a.allocationId, 'association-id': (a) => a.associationId, domain: (a) => a.domain, 'instance-id': (a) => a.instanceId, 'network-interface-id': (a) => a.networkInterfaceId, 'network-interface-owner-id': (a) => a.networkInterfaceOwnerId, 'private-ip-address': (a) => a.privateIpAddress, 'public-ip': (a) => a.publicIp, 'network-border-group': (a) => a.networkBorderGroup },
  }),
]
