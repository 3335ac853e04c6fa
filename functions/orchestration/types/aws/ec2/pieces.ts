import { uuidIn, type Noun } from '../../../../ec2/ids.ts'
import { dropTags, keepTags } from '../../../../ec2/tags/keep.ts'
import { list, live, map, text, type Change, type Progress, type Property, type ResourceType, type Sketch, type Work } from '../../provider.ts'
import { inside } from '../inside.ts'

/** What the EC2 types share: tags, names, and where a VPC's router is. */
export const tag = map({ Key: text({ required: true }), Value: text({ required: true }) })
export const tags = list(tag, { ...live, description: 'Key-value pairs.' })
/** Taken, as templates have them, and without effect here. */
export const unused = (p: Property): Property => ({ ...p, ...live, ignored: true })

export const nameOf = (r: Work, limit?: number): string => (r.properties.Tags as { Key: string; Value: string }[] | undefined)?.find((t) => t.Key === 'Name')?.Value.slice(0, limit ?? 255) || r.uniqueName(limit)
export const tagMap = (list: { Key: string; Value: string }[] | undefined) => Object.fromEntries((list ?? []).map((t) => [t.Key, t.Value]))

export * from '../../../../ec2/mapping/vpc.ts'

/** An action of the EC2 API, in this very unit. */
export const ec2 = (r: Work, action: string, body: object) => r.call({ service: 'ec2', method: 'POST', path: '/', action, body })

/** A type whose tags are those the EC2 API tells; what it is to that API. */
export const tagged = (noun: Noun, type: ResourceType): ResourceType => {
  const keep = (r: Work, id: string | null | undefined, list: { Key: string; Value: string }[] | undefined, before: { Key: string }[] = []) => {
    const uuid = id && uuidIn(noun, id), ctx = inside(r)
    if (!uuid) return
    dropTags(ctx, uuid, before.map((t) => t.Key))
    keepTags(ctx, noun, uuid, list ?? [])
  }
  const began = (r: Work, done: Progress): Progress => { if (done?.id && done.id !== r.resource.physicalId) keep(r, done.id, r.properties.Tags); return done }
  return {
    ...type,
    create: async (r) => began(r, await type.create(r)),
    ...(type.ready ? { ready: async (r: Work) => began(r, await type.ready!(r)) } : {}),
    ...(type.update ? { update: async (r: Work, change: Change) => { const done = await type.update!(r, change); if (done !== 'replace' && change.changed.includes('Tags')) keep(r, r.resource.physicalId, change.after.Tags, change.before.Tags); return done } } : {}),
  }
}

/** Resources of these types come first, where the template has any. */
export const afterTypes = (...types: string[]) => (_: Sketch, others: Sketch[]) => others.filter((o) => types.includes(o.type)).map((o) => o.name)
export const GATEWAY = 'AWS::EC2::VPCGatewayAttachment'
