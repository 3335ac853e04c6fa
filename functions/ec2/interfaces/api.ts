import { Type as t } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { network, one, toCompute, toNetwork, unless } from '../call.ts'
import { describe } from '../describe.ts'
import { groupIds } from '../groups/find.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { sourceDestCheck } from '../instances/attributes.ts'
import { once } from '../instances/run.ts'
import { asking } from '../mapping/ask.ts'
import { makePort } from '../mapping/port.ts'
import { read, write } from '../service.ts'
import { flag, names, TagSpecifications, text, whole, word } from '../shapes.ts'
import { keepTags, nameIn, shown, tagsFor } from '../tags/keep.ts'
import { views, type View } from './view.ts'

const put = (ctx: Ctx, id: string, port: object) => toNetwork(ctx, 'PUT', `/ports/${id}`, { port })
const inUse = (id: string) => awsFault('InvalidNetworkInterface.InUse', `Network interface '${id}' is currently in use.`)
const noAttribute = (name: string) => awsFault('InvalidParameterValue', `Value (${name.slice(0, 80)}) for parameter attribute is invalid. Unknown attribute.`)
const taken = (e: Error) => (/address/i.test(e.message) ? awsFault('InvalidIPAddress.InUse', e.message) : awsFault('InvalidParameterValue', e.message))
const value = t.Optional(shape({ Value: word })), truth = t.Optional(shape({ Value: flag }))
const at = (see: (a: View['privateIpAddressesSet'][number]) => unknown) => (v: View) => v.privateIpAddressesSet.map(see)

export default [
  write('CreateNetworkInterface', {
    summary: 'Make a network interface', limit: 'NetworkInterfaceLimitExceeded',
    input: { SubnetId: text, Description: word, PrivateIpAddress: word, PrivateIpAddresses: t.Optional(t.Array(shape({ PrivateIpAddress: text, Primary: flag }), { maxItems: 50 })), SecondaryPrivateIpAddressCount: t.Optional(t.Integer({ minimum: 0, maximum: 50 })), Groups: names('SecurityGroupId'), InterfaceType: word, ClientToken: word, TagSpecifications },
    handle: (ctx, i) => once(ctx, 'CreateNetworkInterface', i, async () => {
      const subnet = await one(ctx, 'subnet', i.SubnetId), tags = tagsFor(i.TagSpecifications, 'network-interface'), all = i.PrivateIpAddresses ?? [], first = i.PrivateIpAddress ?? (all.find((a) => a.Primary) ?? all[0])?.PrivateIpAddress
      if (i.SecondaryPrivateIpAddressCount && all.length > 1) throw awsFault('InvalidParameterCombination', 'Secondary addresses are either listed or counted.')
      const port = await unless('conflict', taken, () => unless('invalid', taken, async () => makePort(asking(ctx), { subnet: subnet.id, address: first, more: all.map((a) => a.PrivateIpAddress).filter((a) => a !== first), groups: i.Groups?.length ? await groupIds(ctx, i.Groups) : undefined, name: nameIn(tags), description: i.Description, count: i.SecondaryPrivateIpAddressCount })))
      keepTags(ctx, 'network-interface', port.id, tags)
      ctx.about(port.id)
      const [view] = await views(ctx, [port])
      return { networkInterface: { ...view, tagSet: shown(tags) }, clientToken: i.ClientToken }
    }),
  }),
  write('DeleteNetworkInterface', {
    summary: 'Delete a network interface', input: { NetworkInterfaceId: text },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId)
      if (port.device_id) throw inUse(i.NetworkInterfaceId)
      await unless('conflict', () => inUse(i.NetworkInterfaceId), () => toNetwork(ctx, 'DELETE', `/ports/${port.id}`))
    },
  }),
  describe<any, View>('DescribeNetworkInterfaces', {
    summary: 'Describe network interfaces', noun: 'network-interface', ids: ['NetworkInterfaceIds', 'NetworkInterfaceId'], set: 'networkInterfaceSet', name: (p) => p.name,
    rows: async (ctx, { limit, marker }) => (await network(ctx, '/ports', { project_id: ctx.project, limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}) })).ports,
    view: views,
    filters: {
      'network-interface-id': (v) => v.networkInterfaceId, 'subnet-id': (v) => v.subnetId, 'vpc-id': (v) => v.vpcId, status: (v) => v.status, description: (v) => v.description, 'mac-address': (v) => v.macAddress, 'private-ip-address': (v) => v.privateIpAddress, 'group-id': (v) => v.groupSet.map((g) => g.groupId), 'group-name': (v) => v.groupSet.map((g) => g.groupName), 'owner-id': (v) => v.ownerId, 'availability-zone': (v) => v.availabilityZone, 'source-dest-check': (v) => v.sourceDestCheck, 'requester-managed': (v) => v.requesterManaged, 'interface-type': (v) => v.interfaceType, 'requester-id': () => undefined,
      'attachment.attachment-id': (v) => v.attachment?.attachmentId, 'attachment.instance-id': (v) => v.attachment?.instanceId, 'attachment.instance-owner-id': (v) => v.attachment?.instanceOwnerId, 'attachment.device-index': (v) => v.attachment?.deviceIndex, 'attachment.status': (v) => v.attachment?.status, 'attachment.attach-time': (v) => v.attachment?.attachTime,
      'addresses.private-ip-address': at((a) => a.privateIpAddress), 'addresses.primary': at((a) => a.primary), 'addresses.association.public-ip': at((a) => a.association?.publicIp), 'association.public-ip': at((a) => a.association?.publicIp), 'association.allocation-id': at((a) => a.association?.allocationId), 'association.association-id': at((a) => a.association?.associationId),
    },
  }),
  write('AttachNetworkInterface', {
    summary: 'Plug a network interface into an instance', input: { NetworkInterfaceId: text, InstanceId: text, DeviceIndex: t.Integer({ minimum: 0, maximum: 64 }), NetworkCardIndex: whole },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId), s = await one(ctx, 'instance', i.InstanceId)
      if (port.device_id) throw inUse(i.NetworkInterfaceId)
      await unless('conflict', (e) => awsFault('IncorrectState', e.message), () => toCompute(ctx, 'POST', `/servers/${s.id}/os-interface`, { interfaceAttachment: { port_id: port.id } }))
      return { attachmentId: idOf('interface-attachment', port.id), networkCardIndex: 0 }
    },
  }),
  write('DetachNetworkInterface', {
    summary: 'Unplug a network interface', input: { AttachmentId: text, Force: flag },
    async handle(ctx, i) {
      const [port] = (await network(ctx, '/ports', { id: uuidOf('interface-attachment', i.AttachmentId), project_id: ctx.project })).ports
      if (!port?.device_owner.startsWith('compute:')) throw unknown('interface-attachment', i.AttachmentId)
      await unless('conflict', (e) => awsFault('IncorrectState', e.message), () => toCompute(ctx, 'DELETE', `/servers/${port.device_id}/os-interface/${port.id}`))
    },
  }),
  read('DescribeNetworkInterfaceAttribute', {
    summary: "Describe one of a network interface's attributes", input: { NetworkInterfaceId: text, Attribute: word },
    async handle(ctx, i) {
      const [v] = await views(ctx, [await one(ctx, 'network-interface', i.NetworkInterfaceId)]), about = { networkInterfaceId: v.networkInterfaceId }, what = i.Attribute ?? 'description'
      if (what === 'description') return { ...about, description: { value: v.description } }
      if (what === 'groupSet') return { ...about, groupSet: v.groupSet }
      if (what === 'sourceDestCheck') return { ...about, sourceDestCheck: { value: v.sourceDestCheck } }
      if (what === 'attachment') return { ...about, attachment: v.attachment }
      throw noAttribute(what)
    },
  }),
  write('ModifyNetworkInterfaceAttribute', {
    summary: "Change one of a network interface's attributes", input: { NetworkInterfaceId: text, Description: value, SourceDestCheck: truth, Groups: names('SecurityGroupId'), Attachment: t.Optional(shape({ AttachmentId: word, DeleteOnTermination: flag })) },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId)
      if ([i.Description, i.SourceDestCheck, i.Groups, i.Attachment].filter((x) => x !== undefined).length !== 1) throw awsFault('InvalidParameterCombination', 'One attribute is changed at a time.')
      if (i.Attachment?.DeleteOnTermination) throw awsFault('UnsupportedOperation', 'An interface goes with its instance when it was made for it by RunInstances; others stay.')
      if (i.Description) await put(ctx, port.id, { description: i.Description.Value ?? '' })
      if (i.Groups) await put(ctx, port.id, { security_groups: await groupIds(ctx, i.Groups) })
      if (i.SourceDestCheck?.Value !== undefined) await sourceDestCheck(ctx, port, i.SourceDestCheck.Value)
    },
  }),
  write('ResetNetworkInterfaceAttribute', {
    summary: "Reset one of a network interface's attributes", input: { NetworkInterfaceId: text, SourceDestCheck: word, Attribute: word },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId)
      if (i.SourceDestCheck === undefined && i.Attribute !== 'sourceDestCheck') throw noAttribute(i.Attribute ?? '')
      await sourceDestCheck(ctx, port, true)
    },
  }),
  write('AssignPrivateIpAddresses', {
    summary: 'Give a network interface more addresses', limit: 'PrivateIpAddressLimitExceeded', input: { NetworkInterfaceId: text, PrivateIpAddresses: names('PrivateIpAddress'), SecondaryPrivateIpAddressCount: t.Optional(t.Integer({ minimum: 1, maximum: 50 })), AllowReassignment: flag },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId), subnet_id = port.fixed_ips[0]?.subnet_id
      if (Boolean(i.PrivateIpAddresses?.length) === Boolean(i.SecondaryPrivateIpAddressCount)) throw awsFault('InvalidParameterCombination', 'Either PrivateIpAddresses or SecondaryPrivateIpAddressCount has to be given.')
      const more = i.PrivateIpAddresses?.map((ip_address) => ({ subnet_id, ip_address })) ?? Array.from({ length: i.SecondaryPrivateIpAddressCount! }, () => ({ subnet_id }))
      const { port: now } = await unless('conflict', taken, () => unless('invalid', taken, () => put(ctx, port.id, { fixed_ips: [...port.fixed_ips, ...more] })))
      const before = new Set(port.fixed_ips.map((f: any) => f.ip_address))
      return { return: true, networkInterfaceId: idOf('network-interface', port.id), assignedPrivateIpAddressesSet: now.fixed_ips.filter((f: any) => !before.has(f.ip_address)).map((f: any) => ({ privateIpAddress: f.ip_address })) }
    },
  }),
  write('UnassignPrivateIpAddresses', {
    summary: 'Take addresses from a network interface', input: { NetworkInterfaceId: text, PrivateIpAddresses: t.Array(text, { wire: 'PrivateIpAddress', minItems: 1, maxItems: 50 }) },
    async handle(ctx, i) {
      const port = await one(ctx, 'network-interface', i.NetworkInterfaceId), [first] = port.fixed_ips, stray = i.PrivateIpAddresses.find((a) => a === first?.ip_address || !port.fixed_ips.some((f: any) => f.ip_address === a))
      if (stray) throw awsFault('InvalidParameterValue', stray === first?.ip_address ? `${stray} is the interface's first address.` : `Some of [${stray}] are not assigned to interface ${i.NetworkInterfaceId}`)
      await unless('conflict', (e) => awsFault('InvalidParameterValue', e.message), () => put(ctx, port.id, { fixed_ips: port.fixed_ips.filter((f: any) => !i.PrivateIpAddresses.includes(f.ip_address)) }))
    },
  }),
]
