import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serverGuest } from '../../../schema/compute.ts'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { network, one, toCompute, toNetwork } from '../call.ts'
import { groupIds } from '../groups/find.ts'
import { uuidOf } from '../ids.ts'
import { read, write } from '../service.ts'
import { flag, list, names, text, word } from '../shapes.ts'
import { around } from './look.ts'
import { instanceView, type Instance } from './view.ts'

const value = <T>(v: T) => ({ value: v })
/** Attributes by AWS's names, and what is answered for each. */
const shown: Record<string, (i: Instance, s: any, ctx: Ctx) => unknown> = {
  instanceType: (i) => ({ instanceType: value(i.instanceType) }), kernel: () => ({ kernel: {} }), ramdisk: () => ({ ramdisk: {} }), rootDeviceName: (i) => ({ rootDeviceName: value(i.rootDeviceName) }),
  userData: async (_, s, ctx) => { const [[row]] = await ctx.read(q.select({ data: serverGuest.userData }).from(serverGuest).where(eq(serverGuest.server, s.id))); return { userData: row?.data ? value(row.data) : {} } },
  disableApiTermination: () => ({ disableApiTermination: value(false) }), disableApiStop: () => ({ disableApiStop: value(false) }), instanceInitiatedShutdownBehavior: () => ({ instanceInitiatedShutdownBehavior: value('stop') }),
  blockDeviceMapping: (i) => ({ blockDeviceMapping: i.blockDeviceMapping }), productCodes: () => ({ productCodes: [] }), sourceDestCheck: (i) => ({ sourceDestCheck: value(i.sourceDestCheck) }), groupSet: (i) => ({ groupSet: i.groupSet }),
  ebsOptimized: () => ({ ebsOptimized: value(false) }), sriovNetSupport: () => ({ sriovNetSupport: {} }), enaSupport: () => ({ enaSupport: value(false) }), enclaveOptions: () => ({ enclaveOptions: { enabled: false } }),
}
const noAttribute = (name: string) => awsFault('InvalidParameterValue', `Value (${name.slice(0, 80)}) for parameter attribute is invalid. Unknown attribute.`)

export const describeInstanceAttribute = read('DescribeInstanceAttribute', {
  summary: "Describe one of an instance's attributes", input: { InstanceId: text, Attribute: text },
  async handle(ctx, i) {
    if (!Object.hasOwn(shown, i.Attribute)) throw noAttribute(i.Attribute)
    const s = await one(ctx, 'instance', i.InstanceId), view = instanceView(s, await around(ctx, [s]))
    return { instanceId: view.instanceId, ...await shown[i.Attribute](view, s, ctx) as object }
  },
})

const of = <S extends import('typebox').TSchema>(s: S) => t.Optional(shape({ Value: t.Optional(s) }))
const portsOf = async (ctx: Ctx, id: string): Promise<any[]> => (await network(ctx, '/ports', { device_id: id })).ports
const routed = (ctx: Ctx, port: any, check: boolean) => toNetwork(ctx, 'PUT', `/ports/${port.id}`, { port: { allowed_address_pairs: [...port.allowed_address_pairs.filter((p: any) => p.ip_address !== '0.0.0.0/0'), ...(check ? [] : [{ ip_address: '0.0.0.0/0' }])] } })
/** Whether a port may send what does not come from its own addresses. */
export const sourceDestCheck = routed

export const modifyInstanceAttribute = write('ModifyInstanceAttribute', {
  summary: "Change one of an instance's attributes",
  input: {
    InstanceId: text, Attribute: word, Value: t.Optional(t.String({ maxLength: 65_535 })), SourceDestCheck: of(t.Boolean()), Groups: names('GroupId'), DisableApiTermination: of(t.Boolean()), DisableApiStop: of(t.Boolean()), EbsOptimized: of(t.Boolean()), EnaSupport: of(t.Boolean()),
    InstanceInitiatedShutdownBehavior: of(t.String()), InstanceType: of(t.String()), Kernel: of(t.String()), Ramdisk: of(t.String()), SriovNetSupport: of(t.String()), UserData: of(t.String()),
    BlockDeviceMappings: list(shape({ DeviceName: word, Ebs: t.Optional(shape({ DeleteOnTermination: flag, VolumeId: word })), NoDevice: word, VirtualName: word }), 'BlockDeviceMapping', 26),
  },
  async handle(ctx, i) {
    const s = await one(ctx, 'instance', i.InstanceId), named = i.Attribute, said = i.Value
    if (named && !Object.hasOwn(shown, named)) throw noAttribute(named)
    const truth = (v: string | undefined) => v === 'true'
    const check = i.SourceDestCheck?.Value ?? (named === 'sourceDestCheck' ? truth(said) : undefined), protect = i.DisableApiTermination?.Value ?? i.DisableApiStop?.Value ?? (named === 'disableApiTermination' || named === 'disableApiStop' ? truth(said) : false)
    const behaviour = i.InstanceInitiatedShutdownBehavior?.Value ?? (named === 'instanceInitiatedShutdownBehavior' ? said : 'stop')
    if (protect) throw awsFault('UnsupportedOperation', 'Protection from termination is not supported.')
    if (behaviour !== 'stop') throw awsFault('UnsupportedOperation', 'An instance that shuts itself down is stopped; it cannot be terminated by that.')
    const never = i.Kernel ?? i.Ramdisk ?? i.SriovNetSupport ?? (['kernel', 'ramdisk', 'sriovNetSupport', 'rootDeviceName', 'productCodes'].includes(named ?? '') ? {} : undefined)
    if (never) throw awsFault('UnsupportedOperation', 'Kernels, RAM disks and network drivers of instances cannot be chosen.')
    if (i.UserData || named === 'userData') throw awsFault('UnsupportedOperation', 'User data of an instance cannot be changed once it is there.')
    const type = i.InstanceType?.Value ?? (named === 'instanceType' ? said : undefined)
    if (type !== undefined && type !== s.flavor.original_name) throw awsFault('UnsupportedOperation', 'The type of an instance is changed by the compute API (openstack server resize), which asks whether the outcome is wanted.')
    if (check !== undefined) for (const port of await portsOf(ctx, s.id)) await routed(ctx, port, check)
    const groups = i.Groups?.length ? i.Groups : named === 'groupSet' && said ? [said] : undefined
    if (groups) { const uuids = await groupIds(ctx, groups); for (const port of await portsOf(ctx, s.id)) await toNetwork(ctx, 'PUT', `/ports/${port.id}`, { port: { security_groups: uuids } }) }
    const x = i.BlockDeviceMappings?.length ? await around(ctx, [s]) : undefined
    for (const m of i.BlockDeviceMappings ?? []) {
      const held = x!.disks.get(s.id)?.find((d) => d.device === m.DeviceName || (m.Ebs?.VolumeId && d.volume === uuidOf('volume', m.Ebs.VolumeId)))
      if (!held) throw awsFault('InvalidInstanceAttributeValue', `No device is currently mapped at ${m.DeviceName}`)
      if (m.Ebs?.DeleteOnTermination !== undefined) await toCompute(ctx, 'PUT', `/servers/${s.id}/os-volume_attachments/${held.volume}`, { volumeAttachment: { volumeId: held.volume, delete_on_termination: m.Ebs.DeleteOnTermination } })
    }
  },
})

/** There is one attribute that has a first value to go back to. */
export const resetInstanceAttribute = write('ResetInstanceAttribute', {
  summary: "Reset one of an instance's attributes", input: { InstanceId: text, Attribute: text },
  async handle(ctx, i) {
    const s = await one(ctx, 'instance', i.InstanceId)
    if (!['sourceDestCheck', 'kernel', 'ramdisk'].includes(i.Attribute)) throw noAttribute(i.Attribute)
    if (i.Attribute === 'sourceDestCheck') for (const port of await portsOf(ctx, s.id)) await routed(ctx, port, true)
  },
})
