import { resourceType, type Property, type ResourceType } from '../../provider.ts'
import { arn } from './user.ts'

/**
 * What other resources refer to by name and ARN. Who may do what is decided by the roles people have in a project, so that
 * these hold a place in templates written for AWS: the name and the ARN are theirs, and no power comes of them.
 */
export const named = (o: { type: string; description: string; nameProperty: string; arn: string; id?: string; properties: Record<string, Property> }): ResourceType => resourceType({
  name: o.type, description: `${o.description} Known by name; what it allows is decided by roles of the project, not by it.`, support: { status: 'SUPPORTED' }, properties: o.properties,
  attributes: { Arn: { type: 'String', own: true, of: (_, r) => arn(r, `${o.arn}/${r.resource.physicalId}`) }, ...(o.id ? { [o.id]: { type: 'String' as const, own: true, of: (_: unknown, r: { resource: { id: string } }) => r.resource.id.replaceAll('-', '').slice(0, 20).toUpperCase() } } : {}) },
  create: (r) => ({ id: r.properties[o.nameProperty] ?? r.uniqueName(64) }),
  update: () => ({}),
  show: (r) => ({ name: r.resource.physicalId }),
})
