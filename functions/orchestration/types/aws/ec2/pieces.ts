import { list, live, map, text, type Property, type Sketch, type Work } from '../../provider.ts'

/** What the EC2 types share: tags, names, and where a VPC's router is. */
export const tag = map({ Key: text({ required: true }), Value: text({ required: true }) })
export const tags = list(tag, { ...live, description: 'Key-value pairs.' })
/** Taken, as templates have them, and without effect here. */
export const unused = (p: Property): Property => ({ ...p, ...live, ignored: true })

export const nameOf = (r: Work, limit?: number): string => (r.properties.Tags as { Key: string; Value: string }[] | undefined)?.find((t) => t.Key === 'Name')?.Value.slice(0, limit ?? 255) || r.uniqueName(limit)
export const tagMap = (list: { Key: string; Value: string }[] | undefined) => Object.fromEntries((list ?? []).map((t) => [t.Key, t.Value]))

export * from '../../../../ec2/mapping/vpc.ts'

/** Resources of these types come first, where the template has any. */
export const afterTypes = (...types: string[]) => (_: Sketch, others: Sketch[]) => others.filter((o) => types.includes(o.type)).map((o) => o.name)
export const GATEWAY = 'AWS::EC2::VPCGatewayAttachment'
