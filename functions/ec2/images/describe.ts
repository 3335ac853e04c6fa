import type { Ctx } from '../../kernel/ctx.ts'
import { image } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf, uuidIn } from '../ids.ts'
import { flag, iso, names } from '../shapes.ts'

const STATES: Record<string, string> = { active: 'available', queued: 'pending', saving: 'pending', uploading: 'pending', importing: 'pending', deactivated: 'disabled', killed: 'failed' }
export const imageView = (i: any) => ({
  imageId: idOf('image', i.id), name: (i.name ?? undefined) as string | undefined, description: (i.description ?? undefined) as string | undefined, imageLocation: (i.name ?? '') as string, imageState: STATES[i.status] ?? 'pending', imageOwnerId: (i.owner ?? '') as string, isPublic: i.visibility === 'public', imageType: 'machine', creationDate: iso(i.created_at),
  architecture: (i.architecture ?? i.hw_architecture ?? 'x86_64') as string, virtualizationType: 'hvm', rootDeviceName: '/dev/vda', rootDeviceType: 'instance-store', blockDeviceMapping: [], productCodes: [], enaSupport: false, platformDetails: 'Linux/UNIX', usageOperation: 'RunInstances', hypervisor: undefined,
  sourceInstanceId: uuidIn('instance', i.instance_uuid ?? '') ? idOf('instance', i.instance_uuid) : undefined, tagSet: [] as { key: string; value: string }[],
})
type View = ReturnType<typeof imageView>
/** Who may start it: everybody, or nobody but its owner as far as this tells. */
const mine = (ctx: Ctx, owners: string[] | undefined) => (i: any) => !owners?.length || owners.some((o) => (o === 'self' ? i.owner === ctx.project : i.owner === o))

export const describeImages = describe<any, View, { Owners: ReturnType<typeof names>; ExecutableUsers: ReturnType<typeof names>; IncludeDeprecated: typeof flag; IncludeDisabled: typeof flag }>('DescribeImages', {
  summary: 'Describe images', noun: 'image', ids: ['ImageIds', 'ImageId'], set: 'imagesSet', more: { Owners: names('Owner'), ExecutableUsers: names('ExecutableBy'), IncludeDeprecated: flag, IncludeDisabled: flag },
  rows: async (ctx, { limit, marker }) => (await image(ctx, '/images', { limit: String(limit), ...(marker ? { marker } : {}) })).images,
  view: (ctx, rows, input) => { const fits = mine(ctx, input.Owners); return rows.map((r) => ({ ...imageView(r), [SHOWN]: fits(r) && executable(ctx, r, input.ExecutableUsers) })) },
  keep: (i) => (i as View & { [SHOWN]?: boolean })[SHOWN] !== false,
  filters: {
    'image-id': (i) => i.imageId, name: (i) => i.name, description: (i) => i.description, state: (i) => i.imageState, 'owner-id': (i) => i.imageOwnerId, 'owner-alias': () => undefined, 'is-public': (i) => i.isPublic, architecture: (i) => i.architecture, 'image-type': (i) => i.imageType, 'virtualization-type': (i) => i.virtualizationType,
    'root-device-name': (i) => i.rootDeviceName, 'root-device-type': (i) => i.rootDeviceType, 'creation-date': (i) => i.creationDate, 'manifest-location': (i) => i.imageLocation, hypervisor: () => undefined, platform: () => undefined, 'platform-details': (i) => i.platformDetails, 'source-instance-id': (i) => i.sourceInstanceId, 'kernel-id': () => undefined, 'ramdisk-id': () => undefined,
    'block-device-mapping.device-name': () => undefined, 'block-device-mapping.snapshot-id': () => undefined, 'block-device-mapping.volume-size': () => undefined, 'block-device-mapping.volume-type': () => undefined, 'ena-support': (i) => i.enaSupport,
  },
})
const SHOWN = Symbol('shown')
const executable = (ctx: Ctx, i: any, by: string[] | undefined) => !by?.length || by.some((b) => (b === 'all' ? i.visibility === 'public' : b === 'self' ? i.visibility !== 'public' && i.owner !== ctx.project : false))
