import { Type as t } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { image, known, one, toCompute, toImage, unless } from '../call.ts'
import { idOf, uuidOf } from '../ids.ts'
import { BlockDeviceMappings } from '../instances/run.ts'
import { wrongState } from '../instances/state.ts'
import { read, write } from '../service.ts'
import { flag, list, names, TagSpecifications, text, word } from '../shapes.ts'
import { shape } from '../../aws/front.ts'
import { keepTags, tagsFor } from '../tags/keep.ts'

const Name = t.String({ minLength: 1, maxLength: 128 })
/** Names of one's own images are told apart here. */
async function unusedName(ctx: Ctx, name: string) {
  const { images } = await image(ctx, '/images', { name, owner: ctx.project })
  if (images.length) throw awsFault('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${idOf('image', images[0].id)}`)
}
const patch = (ctx: Ctx, id: string, ops: object[]) => toImage(ctx, 'PATCH', `/images/${id}`, ops)

export const makeImages = [
  write('CreateImage', {
    summary: 'Make an image of an instance', input: { InstanceId: text, Name, Description: word, NoReboot: flag, BlockDeviceMappings, TagSpecifications },
    async handle(ctx, i) {
      if (i.BlockDeviceMappings?.length) throw awsFault('UnsupportedOperation', 'An image is of the root disk; volumes are kept by CreateSnapshot.')
      const s = await one(ctx, 'instance', i.InstanceId), tags = tagsFor(i.TagSpecifications, 'image', ['image', 'snapshot'])
      await unusedName(ctx, i.Name)
      const { image_id } = await unless('conflict', () => wrongState(i.InstanceId, 'imaged'), () => toCompute(ctx, 'POST', `/servers/${s.id}/action`, { createImage: { name: i.Name, metadata: i.Description ? { description: i.Description } : {} } }))
      keepTags(ctx, 'image', image_id, tags)
      return { imageId: idOf('image', image_id) }
    },
  }),
  write('DeregisterImage', {
    summary: 'Delete an image', input: { ImageId: text, DeleteAssociatedSnapshots: flag },
    handle: (ctx, i) => known('image', i.ImageId, async (id) => { await toImage(ctx, 'DELETE', `/images/${id}`); return { return: true } }),
  }),
  read('DescribeImageAttribute', {
    summary: "Describe one of an image's attributes", input: { ImageId: text, Attribute: text },
    async handle(ctx, i) {
      const img = await one(ctx, 'image', i.ImageId), imageId = idOf('image', img.id)
      if (i.Attribute === 'description') return { imageId, description: { value: img.description ?? '' } }
      if (i.Attribute === 'launchPermission') {
        const members = img.visibility === 'shared' && img.owner === ctx.project ? (await image(ctx, `/images/${img.id}/members`)).members : []
        return { imageId, launchPermission: [...(img.visibility === 'public' ? [{ group: 'all' }] : []), ...members.map((m: any) => ({ userId: m.member_id }))] }
      }
      if (i.Attribute === 'blockDeviceMapping') return { imageId, blockDeviceMapping: [] }
      if (i.Attribute === 'productCodes') return { imageId, productCodes: [] }
      if (['kernel', 'ramdisk', 'sriovNetSupport', 'bootMode', 'tpmSupport'].includes(i.Attribute)) return { imageId, [i.Attribute]: {} }
      throw awsFault('InvalidParameterValue', `Value (${i.Attribute.slice(0, 80)}) for parameter attribute is invalid. Unknown attribute.`)
    },
  }),
  write('ModifyImageAttribute', {
    summary: "Change an image's description, or who may use it",
    input: {
      ImageId: text, Attribute: word, Value: word, Description: t.Optional(shape({ Value: word })), OperationType: word, UserIds: names('UserId'), UserGroups: names('UserGroup'), ProductCodes: names('ProductCode'),
      LaunchPermission: t.Optional(shape({ Add: list(shape({ UserId: word, Group: word }), 'Add', 50), Remove: list(shape({ UserId: word, Group: word }), 'Remove', 50) })),
    },
    async handle(ctx, i) {
      const img = await one(ctx, 'image', i.ImageId), said = i.Description?.Value ?? (i.Attribute === 'description' ? i.Value ?? '' : undefined)
      if (i.ProductCodes?.length || i.Attribute === 'productCodes') throw awsFault('UnsupportedOperation', 'There are no product codes.')
      const named = [...(i.UserIds ?? []).map((UserId) => ({ UserId, Group: undefined })), ...(i.UserGroups ?? []).map((Group) => ({ Group, UserId: undefined }))]
      if (named.length && !['add', 'remove'].includes(i.OperationType ?? '')) throw awsFault('InvalidParameterValue', 'OperationType has to be add or remove.')
      const add = [...i.LaunchPermission?.Add ?? [], ...(i.OperationType === 'add' ? named : [])], remove = [...i.LaunchPermission?.Remove ?? [], ...(i.OperationType === 'remove' ? named : [])]
      if (said === undefined && !add.length && !remove.length) throw awsFault('InvalidParameterCombination', 'No attributes specified.')
      for (const p of [...add, ...remove]) if (p.Group !== undefined && p.Group !== 'all') throw awsFault('InvalidAMIAttributeItemValue', `Invalid attribute item value "${p.Group}" for groupId item type.`)
      const open = add.some((p) => p.Group === 'all') ? 'public' : remove.some((p) => p.Group === 'all') && img.visibility === 'public' ? 'shared' : undefined
      const visibility = open ?? (add.length && img.visibility === 'private' ? 'shared' : undefined)
      const ops = [...(said === undefined ? [] : [{ op: img.description === undefined ? 'add' : 'replace', path: '/description', value: said }]), ...(visibility ? [{ op: 'replace', path: '/visibility', value: visibility }] : [])]
      if (add.some((p) => p.UserId) && visibility === 'shared') throw awsFault('IncorrectState', 'The image is private: members can be added once it is shared (openstack image set --shared).')
      if (ops.length) await patch(ctx, img.id, ops)
      for (const { UserId } of add) if (UserId) await unless('conflict', (e) => e, () => toImage(ctx, 'POST', `/images/${img.id}/members`, { member: UserId }))
      for (const { UserId } of remove) if (UserId) await toImage(ctx, 'DELETE', `/images/${img.id}/members/${encodeURIComponent(UserId)}`)
    },
  }),
  write('ResetImageAttribute', {
    summary: 'Take back who else may use an image', input: { ImageId: text, Attribute: text },
    async handle(ctx, i) {
      if (i.Attribute !== 'launchPermission') throw awsFault('InvalidParameterValue', `Value (${i.Attribute.slice(0, 80)}) for parameter attribute is invalid. Only launchPermission can be reset.`)
      const img = await one(ctx, 'image', i.ImageId), id = uuidOf('image', i.ImageId)
      if (img.visibility === 'public') return void await patch(ctx, id, [{ op: 'replace', path: '/visibility', value: 'shared' }])
      if (img.visibility === 'shared') for (const m of (await image(ctx, `/images/${id}/members`)).members) await toImage(ctx, 'DELETE', `/images/${id}/members/${m.member_id}`)
    },
  }),
]
