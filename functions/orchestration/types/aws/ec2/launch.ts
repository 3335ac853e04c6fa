import { and, eq, inArray } from 'drizzle-orm'
import { stack, stackResource } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { openRow } from '../../../engine/sealed.ts'
import { propertiesOf } from '../../../engine/work.ts'
import { boolean, integer, list, map, text, type Property, type Work } from '../../provider.ts'
import { tag, unused } from './pieces.ts'

const ebs = map({ VolumeSize: integer({ constraints: [{ kind: 'range', min: 1 }] }), SnapshotId: text({ find: 'cinder.snapshot' }), DeleteOnTermination: boolean({ default: true }), VolumeType: text(), Iops: integer(), Throughput: integer(), Encrypted: boolean(), KmsKeyId: text() })
export const devices = list(map({ DeviceName: text({ required: true }), Ebs: ebs, NoDevice: unused(map(undefined)), VirtualName: unused(text()) }))
export const interfaces = list(map({
  DeviceIndex: text(), NetworkInterfaceId: text({ find: 'neutron.port' }), SubnetId: text({ find: 'neutron.subnet' }), GroupSet: list(text({ find: 'neutron.security_group' })), Groups: list(text({ find: 'neutron.security_group' })),
  PrivateIpAddress: text(), AssociatePublicIpAddress: boolean(), DeleteOnTermination: boolean(), Description: text(),
}))

/** What an instance and a launch template both say. */
export const launch: Record<string, Property> = {
  ImageId: text({ find: 'glance.image' }), InstanceType: text({ find: 'nova.flavor' }), KeyName: text({ find: 'nova.keypair' }), UserData: text(),
  SecurityGroupIds: list(text({ find: 'neutron.security_group' })), SecurityGroups: list(text({ find: 'neutron.security_group' })), BlockDeviceMappings: devices, NetworkInterfaces: interfaces,
}

/** `launch` in a launch template has no effect until an instance takes it. */
export const templateData = map({ ...launch, TagSpecifications: list(map({ ResourceType: text(), Tags: list(tag) })), IamInstanceProfile: unused(map(undefined)), Monitoring: unused(map(undefined)), MetadataOptions: unused(map(undefined)), EbsOptimized: unused(boolean()), DisableApiTermination: unused(boolean()), InstanceInitiatedShutdownBehavior: unused(text()), CreditSpecification: unused(map(undefined)), Placement: unused(map(undefined)) })

/** What a launch template of this project says, by id or name. */
export async function fromTemplate(r: Work, asked: { LaunchTemplateId?: string; LaunchTemplateName?: string; Version?: string }): Promise<Record<string, any>> {
  const named = asked.LaunchTemplateId ?? asked.LaunchTemplateName
  const [rows] = await r.ctx.read(q.select({ row: stackResource }).from(stackResource).innerJoin(stack, eq(stack.id, stackResource.stack)).where(and(
    eq(stackResource.type, 'AWS::EC2::LaunchTemplate'), inArray(stackResource.status, ['COMPLETE']), eq(stackResource.current, true), eq(stack.project, r.stack.project),
    asked.LaunchTemplateId ? eq(stackResource.physicalId, asked.LaunchTemplateId) : undefined)).limit(1000))
  const row = rows.map((x) => openRow(r.ctx, x.row)).find((x) => asked.LaunchTemplateId || x.data.name === named)
  if (!row) throw invalid(`The launch template '${named}' does not exist.`)
  const latest = Number(row.data.latest)
  if (asked.Version && !['$Latest', '$Default', String(latest)].includes(asked.Version)) throw invalid(`Version ${asked.Version} of launch template '${named}' is not kept: there is ${latest}, the latest.`)
  return (await propertiesOf(r.ctx, row)).LaunchTemplateData ?? {}
}

/** Base64, as the API takes it; a template may give text that is not. */
export function userData(text: string | undefined): string | undefined {
  if (!text) return undefined
  const plain = text.replaceAll(/\s/g, '')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(plain) && plain.length % 4 === 0) return plain
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
