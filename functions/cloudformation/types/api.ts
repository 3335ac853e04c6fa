import { Type as t } from 'typebox'
import { arn } from '../../aws/arn.ts'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { RESOURCES, STACKS } from '../../orchestration/engine/limits.ts'
import { typeNamed, types } from '../../orchestration/types/index.ts'
import type { Property, ResourceType } from '../../orchestration/types/provider.ts'
import { action } from '../service.ts'
import { nextToken } from '../shapes.ts'
import { pageToken, readToken } from '../tokens.ts'

const kind = t.Optional(t.Enum(['RESOURCE', 'MODULE', 'HOOK']))
const typeArn = (ctx: Ctx, name: string) => arn(ctx, 'cloudformation', `type/resource/${name.replaceAll('::', '-')}`, { account: '' })
const provisioning = (x: ResourceType) => (x.update ? 'FULLY_MUTABLE' : 'IMMUTABLE')

/** A type's properties as the registry's own JSON schema. */
export function schemaOf(x: ResourceType) {
  const property = (p: Property): Record<string, unknown> => {
    const out: Record<string, unknown> = { ...(p.type === 'any' ? {} : { type: p.type === 'map' ? 'object' : p.type === 'list' ? 'array' : p.type }), ...(p.description ? { description: p.description } : {}), ...(p.default === undefined ? {} : { default: p.default }) }
    if (p.type === 'list') out.items = p.items ? property(p.items) : {}
    if (p.type === 'map' && p.members) Object.assign(out, object(p.members))
    for (const c of p.constraints ?? []) {
      if (c.kind === 'allowed_values') out.enum = c.values
      if (c.kind === 'range') Object.assign(out, c.min === undefined ? {} : { minimum: c.min }, c.max === undefined ? {} : { maximum: c.max })
      if (c.kind === 'length') { const word = p.type === 'list' ? 'Items' : 'Length'; Object.assign(out, c.min === undefined ? {} : { [`min${word}`]: c.min }, c.max === undefined ? {} : { [`max${word}`]: c.max }) }
      if (c.kind === 'allowed_pattern') out.pattern = c.pattern
    }
    return out
  }
  const object = (members: Record<string, Property>) => ({ properties: Object.fromEntries(Object.entries(members).filter(([k]) => k !== '*').map(([k, p]) => [k, property(p)])), additionalProperties: '*' in members, required: Object.entries(members).filter(([, p]) => p.required && p.default === undefined).map(([k]) => k) })
  const at = (names: string[]) => names.map((n) => `/properties/${n}`), named = Object.entries(x.properties).filter(([k]) => k !== '*'), read = Object.keys(x.attributes).filter((a) => a !== '*')
  return {
    typeName: x.name, description: x.description ?? x.name, ...object(x.properties), readOnlyProperties: at(read), writeOnlyProperties: at(named.filter(([, p]) => p.hidden).map(([k]) => k)),
    createOnlyProperties: at(named.filter(([, p]) => !x.update || p.update !== 'in-place').map(([k]) => k)), primaryIdentifier: ['/properties/Id'],
  }
}

export const describe = action('DescribeType', {
  policy: 'cloudformation:DescribeType', summary: 'Show a resource type and its schema',
  input: shape({ Type: kind, TypeName: t.Optional(t.String({ maxLength: 204 })), Arn: t.Optional(t.String({ maxLength: 1024 })), VersionId: t.Optional(t.String({ maxLength: 128 })), PublisherId: t.Optional(t.String({ maxLength: 40 })), PublicVersionNumber: t.Optional(t.String({ maxLength: 40 })) }),
  async handle(ctx, i) {
    const name = i.TypeName ?? /:type\/resource\/(.+)$/.exec(i.Arn ?? '')?.[1].replaceAll('-', '::')
    if (!name) throw awsFault('CFNRegistryException', 'Either TypeName or Arn must be specified.', { status: 400 })
    const found = i.Type && i.Type !== 'RESOURCE' ? undefined : await typeNamed(name)
    if (!found) throw awsFault('TypeNotFoundException', `The type '${name}' cannot be found.`, { status: 404 })
    return { Arn: typeArn(ctx, name), Type: 'RESOURCE', TypeName: name, IsDefaultVersion: true, DefaultVersionId: '00000001', Description: found.description, Schema: JSON.stringify(schemaOf(found)), ProvisioningType: provisioning(found), DeprecatedStatus: found.support?.status === 'DEPRECATED' ? 'DEPRECATED' : 'LIVE', Visibility: 'PUBLIC', IsActivated: true, AutoUpdate: false }
  },
})
export const list = action('ListTypes', {
  policy: 'cloudformation:ListTypes', summary: 'List resource types',
  input: shape({ Visibility: t.Optional(t.Enum(['PUBLIC', 'PRIVATE'])), ProvisioningType: t.Optional(t.Enum(['NON_PROVISIONABLE', 'IMMUTABLE', 'FULLY_MUTABLE'])), DeprecatedStatus: t.Optional(t.Enum(['LIVE', 'DEPRECATED'])), Type: kind, MaxResults: t.Optional(t.Integer({ minimum: 1, maximum: 100 })), NextToken: nextToken,
    Filters: t.Optional(shape({ Category: t.Optional(t.Enum(['REGISTERED', 'ACTIVATED', 'THIRD_PARTY', 'AWS_TYPES'])), PublisherId: t.Optional(t.String({ maxLength: 40 })), TypeNamePrefix: t.Optional(t.String({ minLength: 1, maxLength: 204 })) })) }),
  async handle(ctx, i) {
    const at = readToken(i.NextToken), size = i.MaxResults ?? 100, category = i.Filters?.Category
    // All of them are the cloud's own: none is registered by a project, bought or switched on.
    if ((i.Type && i.Type !== 'RESOURCE') || i.Visibility === 'PRIVATE' || (category && category !== 'AWS_TYPES') || i.Filters?.PublisherId) return { TypeSummaries: [] }
    const names = Object.keys(types).filter((n) => (!i.Filters?.TypeNamePrefix || n.startsWith(i.Filters.TypeNamePrefix)) && (!category || n.startsWith('AWS::')) && (!at || n > String(at[0]))).sort()
    const found = (await Promise.all(names.slice(0, 400).map(async (n) => ({ n, x: (await typeNamed(n))! })))).filter(({ x }) => (!i.ProvisioningType || provisioning(x) === i.ProvisioningType) && (!i.DeprecatedStatus || (x.support?.status === 'DEPRECATED') === (i.DeprecatedStatus === 'DEPRECATED')))
    return { TypeSummaries: found.slice(0, size).map(({ n, x }) => ({ Type: 'RESOURCE', TypeName: n, TypeArn: typeArn(ctx, n), DefaultVersionId: '00000001', Description: x.description, IsActivated: true })), NextToken: found.length > size ? pageToken(found[size - 1].n) : undefined }
  },
})
export const limits = action('DescribeAccountLimits', {
  policy: 'cloudformation:DescribeAccountLimits', summary: 'How much a project may have', input: shape({ NextToken: nextToken }),
  handle: () => ({ AccountLimits: [{ Name: 'StackLimit', Value: STACKS }, { Name: 'StackOutputsLimit', Value: 200 }, { Name: 'StackResourcesLimit', Value: RESOURCES }, { Name: 'ConcurrentResourcesLimit', Value: 8 * RESOURCES }] }),
})
