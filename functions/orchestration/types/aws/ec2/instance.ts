import { invalid } from '../../../../kernel/fault.ts'
import { boolean, integer, list, live, map, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { blockDevices } from '../../../../ec2/mapping/disks.ts'
import { fromTemplate, launch, userData } from './launch.ts'
import { makePort } from '../../../../ec2/mapping/port.ts'
import { afterTypes, GATEWAY, nameOf, net, outside, put, tagMap, tagged, tags, unlessGone, unused } from './pieces.ts'

const COMPUTE = { service: 'compute', version: '2.96' } as const
const at = (r: Work) => `/servers/${r.resource.physicalId}`
const act = (r: Work, body: unknown) => r.call({ ...COMPUTE, method: 'POST', path: `${at(r)}/action`, body })
type Nic = { NetworkInterfaceId?: string; SubnetId?: string; GroupSet?: string[]; Groups?: string[]; PrivateIpAddress?: string; AssociatePublicIpAddress?: boolean; Description?: string; DeviceIndex?: string }

/** The launch template's say, with the instance's own over it. */
async function wanted(r: Work) {
  const p = r.properties, base = p.LaunchTemplate ? await fromTemplate(r, p.LaunchTemplate) : {}
  const w = { ...base, ...Object.fromEntries(Object.entries(p).filter(([, v]) => v !== undefined && v !== null)) } as Record<string, any>
  if (!w.ImageId) throw invalid('The request must contain the parameter ImageId')
  const image = p.ImageId ?? (base.ImageId && await r.find('glance.image', base.ImageId)), flavor = await r.find('nova.flavor', w.InstanceType ?? 'm1.small')
  return { ...w, image, flavor, groups: [...w.SecurityGroupIds ?? [], ...w.SecurityGroups ?? []] as string[] } as Record<string, any>
}

/** What the instance is plugged into; an empty list: the project's network. */
function nicsOf(w: Record<string, any>): Nic[] {
  const given = [...(w.NetworkInterfaces ?? [])].sort((a: Nic, b: Nic) => Number(a.DeviceIndex ?? 0) - Number(b.DeviceIndex ?? 0)) as Nic[]
  return given.length ? given : w.SubnetId ? [{ SubnetId: w.SubnetId, GroupSet: w.groups, PrivateIpAddress: w.PrivateIpAddress }] : []
}

async function boot(r: Work, ports: string[]): Promise<Progress> {
  const w = await wanted(r), disks = blockDevices(w.image, w.BlockDeviceMappings)
  const { server } = await r.call({ ...COMPUTE, method: 'POST', path: '/servers', body: { server: {
    name: nameOf(r), imageRef: w.image, flavorRef: w.flavor, key_name: w.KeyName, availability_zone: w.AvailabilityZone, user_data: userData(w.UserData), metadata: tagMap(w.Tags), block_device_mapping_v2: disks,
    networks: ports.length ? ports.map((port) => ({ port })) : 'auto', security_groups: !ports.length && w.groups.length ? w.groups.map((name: string) => ({ name })) : undefined,
  } } })
  return { id: server.id, data: r.resource.data, wait: { lane: server.id } }
}
const showServer = async (r: Work) => (await r.call({ ...COMPUTE, method: 'GET', path: at(r) })).server

/** With what instances are asked for besides: how they are reached from outside. */
async function show(r: Work) {
  const server = await showServer(r), all = (Object.values(server.addresses ?? {}) as any[][]).flat(), of = (kind: string) => all.find((a) => a['OS-EXT-IPS:type'] === kind && a.version === 4)?.addr ?? ''
  return { ...server, private: of('fixed') || all[0]?.addr || '', public: of('floating') }
}

/** After it runs: volumes into it, then its public address; one thing per unit. */
async function finish(r: Work, server: any): Promise<Progress> {
  const { data } = r.resource, held = new Set((server['os-extended-volumes:volumes_attached'] ?? []).map((v: any) => v.id))
  for (const v of (r.properties.Volumes ?? []) as { Device?: string; VolumeId: string }[]) {
    if (held.has(v.VolumeId)) continue
    const { volume } = await r.call({ service: 'volume', method: 'GET', path: `/volumes/${v.VolumeId}` })
    if (volume.status === 'available') await r.call({ ...COMPUTE, method: 'POST', path: `${at(r)}/os-volume_attachments`, body: { volumeAttachment: { volumeId: v.VolumeId } } })
    else if (!['reserved', 'attaching'].includes(volume.status) && !volume.attachments?.some((a: any) => a.server_id === server.id)) throw invalid(`Volume ${v.VolumeId} cannot be attached: its status is ${volume.status}.`)
    if (!volume.attachments?.some((a: any) => a.server_id === server.id && volume.status === 'in-use')) return { data, wait: { lane: v.VolumeId, seconds: 10 } }
  }
  if (data.public && !data.address) {
    const { floatingip } = await r.call({ service: 'network', method: 'POST', path: '/floatingips', body: { floatingip: { floating_network_id: await outside(r), port_id: data.public } } })
    return { data: { ...data, address: floatingip.id }, again: true }
  }
  return { data, shown: await show(r) }
}

const ORDER = ['Tags', 'TagsToo', 'SecurityGroupIds', 'InstanceType']
async function proceed(r: Work, [what, ...rest]: string[]): Promise<Progress> {
  const p = r.properties, data = { ...r.resource.data, todo: what === 'Tags' ? ['TagsToo', ...rest] : rest }
  if (what === 'Tags') await r.call({ ...COMPUTE, method: 'PUT', path: at(r), body: { server: { name: nameOf(r) } } })
  if (what === 'TagsToo') await r.call({ ...COMPUTE, method: 'PUT', path: `${at(r)}/metadata`, body: { metadata: tagMap(p.Tags) } })
  if (what === 'SecurityGroupIds' && p.SecurityGroupIds?.length) for (const port of (await net(r, '/ports', { device_id: r.resource.physicalId! })).ports) await put(r, `/ports/${port.id}`, { port: { security_groups: p.SecurityGroupIds } })
  if (what !== 'InstanceType') return { data, again: true }
  await act(r, { resize: { flavorRef: p.InstanceType } })
  return { data, wait: { lane: r.resource.physicalId! } }
}

export default tagged('instance', resourceType({
  name: 'AWS::EC2::Instance', description: 'A virtual machine.', support: { status: 'SUPPORTED' },
  properties: {
    ...launch, InstanceType: { ...launch.InstanceType, ...live }, SecurityGroupIds: { ...launch.SecurityGroupIds, ...live }, SubnetId: text({ find: 'neutron.subnet' }), PrivateIpAddress: text(), AvailabilityZone: text(), Tags: tags,
    Volumes: list(map({ Device: text({ required: true }), VolumeId: text({ required: true, find: 'cinder.volume' }) })), LaunchTemplate: map({ LaunchTemplateId: text(), LaunchTemplateName: text(), Version: text() }),
    IamInstanceProfile: unused(text()), DisableApiTermination: unused(boolean()), KernelId: unused(text()), RamdiskId: unused(text()), RamDiskId: unused(text()), Monitoring: unused(boolean()), PlacementGroupName: unused(text()), SourceDestCheck: unused(boolean()), Tenancy: unused(text()),
    EbsOptimized: unused(boolean()), InstanceInitiatedShutdownBehavior: unused(text()), CreditSpecification: unused(map(undefined)), MetadataOptions: unused(map(undefined)), PropagateTagsToVolumeOnCreation: unused(boolean()), Ipv6AddressCount: unused(integer()), NovaSchedulerHints: unused(list(map({ Key: text(), Value: text() }))),
  },
  attributes: {
    InstanceId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, AvailabilityZone: { type: 'String', of: (s) => s['OS-EXT-AZ:availability_zone'] ?? '' }, PrivateDnsName: { type: 'String', of: (s) => s.name }, PrivateIp: { type: 'String', of: (s) => s.private },
    PublicDnsName: { type: 'String', of: (s) => s.public || s.private }, PublicIp: { type: 'String', of: (s) => s.public || s.private }, VpcId: { type: 'String', own: true, of: (_, r) => r.resource.data.vpc ?? '' }, 'State.Name': { type: 'String', of: (s) => (s.status === 'ACTIVE' ? 'running' : s.status === 'SHUTOFF' ? 'stopped' : 'pending') },
  },
  after: afterTypes(GATEWAY, 'AWS::EC2::SubnetRouteTableAssociation'),
  validate(p) {
    if (p.SubnetId !== undefined && p.NetworkInterfaces !== undefined) throw invalid('Network interfaces and an instance-level subnet ID may not be specified on the same request')
    if (p.ImageId === undefined && p.LaunchTemplate === undefined) throw invalid('Property ImageId cannot be empty.')
  },
  async create(r) {
    const nics = nicsOf(await wanted(r)), ports: string[] = [], made: string[] = []
    let open: string | undefined, vpc: string | undefined
    for (const [i, n] of nics.entries()) {
      if (!n.NetworkInterfaceId && !n.SubnetId) throw invalid('A network interface needs a SubnetId or a NetworkInterfaceId.')
      const port = n.NetworkInterfaceId ? (await net(r, `/ports/${n.NetworkInterfaceId}`)).port : await makePort(r, { subnet: n.SubnetId!, address: n.PrivateIpAddress, groups: n.GroupSet ?? n.Groups, description: n.Description })
      ports.push(port.id)
      if (!n.NetworkInterfaceId) made.push(port.id)
      if (i) continue
      vpc = port.network_id
      const ask = n.AssociatePublicIpAddress ?? (n.SubnetId ? (await net(r, `/subnets/${n.SubnetId}`)).subnet.description === 'public' : false)
      if (ask) open = port.id
    }
    // Ports are seen only once they are there: the server is next.
    return nics.length ? { data: { ports, made, public: open, vpc }, again: true } : boot(r, [])
  },
  async ready(r) {
    const { data, physicalId } = r.resource
    if (!physicalId) return boot(r, data.ports ?? [])
    const server = await showServer(r)
    if (server.status === 'ERROR') throw invalid(`Instance ${physicalId} went to status ERROR: ${server.fault?.message ?? 'unknown'}`)
    if (server['OS-EXT-STS:task_state']) return { wait: { lane: physicalId } }
    if (server.status === 'VERIFY_RESIZE') { await act(r, { confirmResize: null }); return { wait: { lane: physicalId, seconds: 2 } } }
    if (!['ACTIVE', 'SHUTOFF'].includes(server.status)) return { wait: { lane: physicalId } }
    return data.todo?.length ? proceed(r, data.todo) : finish(r, server)
  },
  show,
  /** One thing per unit: each looks at the server as the one before left it. */
  update: (r, { changed }) => ({ data: { ...r.resource.data, todo: ORDER.filter((k) => changed.includes(k)) }, again: true }),
  async remove(r) {
    const { physicalId, data } = r.resource
    const drop = async () => {
      if (data.address) await unlessGone(() => r.call({ service: 'network', method: 'DELETE', path: `/floatingips/${data.address}` }))
      for (const id of data.made ?? []) await unlessGone(() => r.call({ service: 'network', method: 'DELETE', path: `/ports/${id}` }))
    }
    if (!physicalId) return drop()
    const there = await unlessGone(() => showServer(r))
    if (!there) return drop()
    if (!r.begun) await r.call({ ...COMPUTE, method: 'DELETE', path: at(r) })
    return { wait: { lane: physicalId } }
  },
}))
