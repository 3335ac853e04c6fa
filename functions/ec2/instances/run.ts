import { Type as t } from 'typebox'
import { shape } from '../../aws/front.ts'
import { awsFault } from '../../aws/faults.ts'
import { onceOf } from '../../aws/tokens.ts'
import { blocksOf } from '../../compute/servers/blocks.ts'
import { createServers } from '../../compute/servers/create.ts'
import { base64 } from '../../compute/shapes.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { within } from '../../kernel/invoke.ts'
import type { PortRequest } from '../../network/ports/plan.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { compute, network, one, toCompute, toNetwork, unless } from '../call.ts'
import { groupIds } from '../groups/find.ts'
import { blockDevices } from '../mapping/disks.ts'
import { asking } from '../mapping/ask.ts'
import { outside } from '../mapping/vpc.ts'
import { uuidOf } from '../ids.ts'
import { write } from '../service.ts'
import { flag, list, names, TagSpecifications, unused, whole, word } from '../shapes.ts'
import { step } from '../step.ts'
import { keepTags, nameIn, tagSet, tagsFor, tagsOf } from '../tags/keep.ts'
import { around, servers } from './look.ts'
import { instanceView, reservations } from './view.ts'

export const once = onceOf('ec2', 86_400, () => awsFault('IdempotentParameterMismatch', 'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).'))

export const Ebs = shape({ SnapshotId: word, VolumeSize: t.Optional(t.Integer({ minimum: 1 })), VolumeType: word, DeleteOnTermination: flag, Iops: whole, Throughput: whole, Encrypted: flag, KmsKeyId: word })
export const BlockDeviceMappings = list(shape({ DeviceName: word, Ebs: t.Optional(Ebs), NoDevice: word, VirtualName: word }), 'BlockDeviceMapping', 26)
const address = shape({ PrivateIpAddress: t.String({ maxLength: 45 }), Primary: flag })
const nic = shape({
  DeviceIndex: whole, NetworkInterfaceId: word, SubnetId: word, Groups: names('SecurityGroupId'), PrivateIpAddress: word, PrivateIpAddresses: t.Optional(t.Array(address)), AssociatePublicIpAddress: flag, DeleteOnTermination: flag, Description: word,
  InterfaceType: unused, NetworkCardIndex: unused,
})
const input = {
  ImageId: word, InstanceType: word, MinCount: t.Integer({ minimum: 1, maximum: 1000 }), MaxCount: t.Integer({ minimum: 1, maximum: 1000 }), KeyName: word, UserData: t.Optional(t.String({ maxLength: 87_384 })), SecurityGroupIds: names('SecurityGroupId'), SecurityGroups: names('SecurityGroup'), SubnetId: word, PrivateIpAddress: word,
  Placement: t.Optional(shape({ AvailabilityZone: word, Tenancy: word, GroupName: word })), NetworkInterfaces: list(nic, 'NetworkInterface', 16), BlockDeviceMappings, TagSpecifications, ClientToken: t.Optional(t.String({ maxLength: 64 })),
  DisableApiTermination: flag, InstanceInitiatedShutdownBehavior: word,
  Monitoring: unused, EbsOptimized: unused, CreditSpecification: unused, MetadataOptions: unused, MaintenanceOptions: unused, PrivateDnsNameOptions: unused, CapacityReservationSpecification: unused, HibernationOptions: unused, EnclaveOptions: unused, CpuOptions: unused, AdditionalInfo: unused, IamInstanceProfile: unused, DisableApiStop: flag,
}
type Input = import('typebox').Static<import('typebox').TObject<typeof input>>
type Nics = Exclude<PortRequest['nics'], string>

/** What EC2 knows that this cloud does not is refused, not passed over, where it would matter. */
function judge(i: Input) {
  if (i.MinCount > i.MaxCount) throw awsFault('InvalidParameterValue', `Value (${i.MinCount}) for parameter minCount is invalid: it is more than maxCount (${i.MaxCount}).`)
  if (!i.ImageId) throw awsFault('MissingParameter', 'The request must contain the parameter ImageId')
  if (i.DisableApiTermination || i.DisableApiStop) throw awsFault('UnsupportedOperation', 'Protection from termination is not supported.')
  if (i.InstanceInitiatedShutdownBehavior && i.InstanceInitiatedShutdownBehavior !== 'stop') throw awsFault('UnsupportedOperation', 'An instance that shuts itself down is stopped; it cannot be terminated by that.')
  if (i.Placement?.GroupName) throw awsFault('InvalidPlacementGroup.Unknown', `The Placement Group '${i.Placement.GroupName}' is unknown.`)
  if (i.Placement?.Tenancy && i.Placement.Tenancy !== 'default') throw awsFault('UnsupportedOperation', `Tenancy '${i.Placement.Tenancy}' is not supported.`)
  if (i.NetworkInterfaces?.length && (i.SubnetId || i.SecurityGroupIds?.length || i.PrivateIpAddress)) throw awsFault('InvalidParameterCombination', 'Network interfaces and an instance-level subnet ID, private IP address or security groups may not be specified on the same request')
}

/** What it is plugged into, and which of them get a public address. */
async function plugs(ctx: Ctx, i: Input): Promise<{ nics: PortRequest['nics']; open: boolean[] }> {
  const given = i.NetworkInterfaces?.length ? [...i.NetworkInterfaces].sort((a, b) => (a.DeviceIndex ?? 0) - (b.DeviceIndex ?? 0)) : i.SubnetId ? [{ SubnetId: i.SubnetId, PrivateIpAddress: i.PrivateIpAddress } as NonNullable<Input['NetworkInterfaces']>[number]] : []
  if (!given.length && i.PrivateIpAddress) throw awsFault('InvalidParameterCombination', 'Specifying an IP address is only valid for VPC instances and thus requires a subnet in which to launch')
  if (i.MaxCount > 1 && given.some((n) => n.NetworkInterfaceId || n.PrivateIpAddress || n.PrivateIpAddresses?.length)) throw awsFault('InvalidParameterCombination', 'Network interface and instance count mismatch: an interface or address is for one instance.')
  const nics: Nics = [], open: boolean[] = []
  for (const n of given) {
    if (n.NetworkInterfaceId) { nics.push({ port: (await one(ctx, 'network-interface', n.NetworkInterfaceId)).id }); open.push(n.AssociatePublicIpAddress ?? false); continue }
    if (!n.SubnetId) throw awsFault('MissingParameter', 'Each network interface requires a subnet or the ID of an interface that exists.')
    const subnet = await one(ctx, 'subnet', n.SubnetId), wanted = n.PrivateIpAddresses?.length ? n.PrivateIpAddresses.map((a) => a.PrivateIpAddress) : n.PrivateIpAddress ? [n.PrivateIpAddress] : []
    if (wanted.length > 1) throw awsFault('UnsupportedOperation', 'Secondary addresses are given to an interface that is made beforehand.')
    nics.push({ network: subnet.network_id, subnet: subnet.id, fixedIp: wanted[0], securityGroups: n.Groups?.length ? await groupIds(ctx, n.Groups) : undefined, keep: n.DeleteOnTermination === false })
    open.push(n.AssociatePublicIpAddress ?? subnet.description === 'public')
  }
  return { nics: nics.length ? nics : 'auto', open }
}

/** An address that is asked for has to be nobody's. */
async function free(ctx: Ctx, nics: PortRequest['nics']) {
  for (const n of Array.isArray(nics) ? nics : []) {
    if (n.fixedIp && (await network(ctx, '/ports', { network_id: n.network!, fixed_ips: [`subnet_id=${n.subnet}`, `ip_address=${n.fixedIp}`], fields: 'id' })).ports.length) throw awsFault('InvalidIPAddress.InUse', `Address ${n.fixedIp} is in use.`)
  }
  return nics
}

async function flavorNamed(ctx: Ctx, name: string): Promise<string> {
  const { flavors } = await compute(ctx, '/flavors', { limit: '1000' }), found = flavors.find((f: any) => f.name === name) ?? flavors.find((f: any) => f.id === name)
  if (!found) throw awsFault('InvalidParameterValue', `Invalid value '${name.slice(0, 80)}' for InstanceType.`)
  return found.id
}

async function create(ctx: Ctx, i: Input) {
  judge(i)
  const tags = tagsFor(i.TagSpecifications, 'instance', ['instance', 'volume', 'network-interface']), image = await one(ctx, 'image', i.ImageId!)
  if (image.status !== 'active') throw awsFault('InvalidAMIID.Unavailable', `The image ID '${i.ImageId}' is not available: it is ${image.status}.`)
  const [flavor, nics, groups] = await Promise.all([flavorNamed(ctx, i.InstanceType ?? 'm1.small'), plugs(ctx, i).then(({ nics }) => free(ctx, nics)), groupIds(ctx, i.SecurityGroupIds, i.SecurityGroups)])
  if (i.KeyName) await compute(ctx, `/os-keypairs/${encodeURIComponent(i.KeyName)}`).catch((e) => { throw e.kind === 'notFound' ? awsFault('InvalidKeyPair.NotFound', `The key pair '${i.KeyName}' does not exist`) : e })
  const size = Math.max(1, image.min_disk ?? 0, Math.ceil((image.virtual_size ?? image.size ?? 0) / 2 ** 30))
  const mappings = i.BlockDeviceMappings?.map((m) => m.Ebs && ({ ...m, Ebs: { ...m.Ebs, ...(m.Ebs.SnapshotId ? { SnapshotId: uuidOf('snapshot', m.Ebs.SnapshotId) } : { VolumeSize: m.Ebs.VolumeSize ?? size }) } })).filter((m) => m !== undefined)
  const { blocks, image: boot } = blocksOf({ imageRef: image.id, block_device_mapping_v2: blockDevices(image.id, mappings) })
  const inner = await within(ctx, 'compute')
  inner.may('os_compute_api:servers:create')
  const made = await unless('conflict', (e) => (/Multiple possible networks/.test(e.message) ? awsFault('VPCIdNotSpecified', 'There is no default VPC for this user: there are several, so a subnet has to be named.') : e), () => createServers(inner, {
    name: nameIn(tags) ?? '', min: i.MinCount, max: i.MaxCount, flavor, image: boot, blocks, ports: { servers: i.MaxCount, nics, securityGroups: groups.length ? groups : undefined }, keyName: i.KeyName, userData: base64(i.UserData, 'UserData'),
    configDrive: false, metadata: {}, tags: [], description: null, zone: i.Placement?.AvailabilityZone, hints: { all: {} }, autoDisk: true,
  }))
  const [failed] = made.servers.filter((s) => s.state === 'error')
  if (failed) throw awsFault('InsufficientInstanceCapacity', failed.fault?.message ?? 'There is no capacity for what was asked.')
  for (const s of made.servers) keepTags(ctx, 'instance', s.id, tags)
  return { reservation: made.reservation, servers: made.servers.map((s) => s.id) }
}

/** What can be done only once they are there; what was done before is not done again. */
async function finish(ctx: Ctx, i: Input, ids: string[]) {
  const { open } = await plugs(ctx, i), volumes = tagsFor(i.TagSpecifications, 'volume', ['instance', 'volume', 'network-interface']), cards = tagsFor(i.TagSpecifications, 'network-interface', ['instance', 'volume', 'network-interface'])
  const x = await around(ctx, ids.map((id) => ({ id })))
  for (const id of ids) for (const [n, port] of (x.ports.get(id) ?? []).entries()) if (open[n] && !x.floating.get(port.id)) {
    await step(ctx, async (c) => toNetwork(c, 'POST', '/floatingips', { floatingip: { floating_network_id: await outside(asking(c)), port_id: port.id } }))
  }
  if (volumes.length || cards.length) await step(ctx, async (c) => {
    const [held] = await c.read(attachmentsOf(ids))
    for (const { attachment } of held) keepTags(c, 'volume', attachment.volume, volumes)
    for (const port of [...x.ports.values()].flat()) keepTags(c, 'network-interface', port.id, cards)
  })
}

export const runInstances = write('RunInstances', {
  summary: 'Run instances', input, limit: 'InstanceLimitExceeded',
  async handle(ctx, i) {
    const made = await step(ctx, (c) => once(c, 'RunInstances', i, () => create(c, i)))
    try { await finish(ctx, i, made.servers) } catch (e) {
      for (const id of made.servers) await step(ctx, (c) => toCompute(c, 'DELETE', `/servers/${id}`)).catch(() => {})
      throw e
    }
    const rows = await servers(ctx, made.servers), [x, tags] = await Promise.all([around(ctx, rows), tagsOf(ctx, made.servers)])
    const [reservation] = reservations(rows.map((s) => ({ ...instanceView(s, x), tagSet: tagSet(tags.get(s.id)) })))
    return { ...reservation, reservationId: made.reservation }
  },
})
