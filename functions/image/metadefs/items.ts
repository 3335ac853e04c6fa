import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { metadefItem } from '../../../schema/image.ts'
import { q } from '../../kernel/db.ts'
import type { Endpoint } from '../../kernel/endpoint.ts'
import { notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { endpoint } from '../service.ts'
import { bodies, look, stageItem, views, type Item, type Kind } from './model.ts'

/** Objects, properties and tags differ in a word and a body; one list of endpoints serves all three. */
function items(kind: Exclude<Kind, 'resource_type'>, plural: string, noun: string): Endpoint[] {
  const path = `/metadefs/namespaces/{namespace}/${plural}`
  const view = views[kind]
  const find = (all: Item[], name: string) => {
    const item = all.find((i) => i.kind === kind && i.name === name)
    if (!item) throw notFound(noun, name, `Metadata definition ${noun} with name=${name.slice(0, 255)} was not found.`)
    return item
  }
  const one = (ns: string, name: string) => and(eq(metadefItem.namespace, ns), eq(metadefItem.kind, kind), eq(metadefItem.name, name))
  return [
    endpoint({
      id: `metadefs.${plural}.list`, method: 'GET', path, status: 200, policy: 'get_metadef', summary: `List ${plural} of a namespace`,
      async handle(ctx, { params }) {
        const { items: all } = await look(ctx, params.namespace)
        const own = all.filter((i) => i.kind === kind)
        if (kind === 'property') return { properties: Object.fromEntries(own.map((i) => [i.name, view(i)])), schema: '/v2/schemas/metadefs/properties' }
        return { [plural]: own.map(view), schema: `/v2/schemas/metadefs/${plural}`, first: `/v2/metadefs/namespaces/${encodeURIComponent(params.namespace)}/${plural}` }
      },
    }),
    endpoint({
      id: `metadefs.${plural}.show`, method: 'GET', path: `${path}/{item}`, status: 200, policy: 'get_metadef', summary: `Show one of the ${plural} of a namespace`,
      async handle(ctx, { params }) { return view(find((await look(ctx, params.namespace)).items, params.item)) },
    }),
    endpoint({
      id: `metadefs.${plural}.update`, method: 'PUT', path: `${path}/{item}`, status: 200, policy: 'modify_metadef', summary: `Change one of the ${plural} of a namespace`, body: { '2.0': bodies[kind] },
      async handle(ctx, { params, body }) {
        const item = find((await look(ctx, params.namespace, { change: true })).items, params.item)
        const next = { ...item, name: body.name, body: body as Record<string, unknown>, updatedAt: ctx.now() }
        ctx.stage(q.update(metadefItem).set(next).where(one(params.namespace, params.item)), 'stale')
        return view(next)
      },
    }),
    endpoint({
      id: `metadefs.${plural}.delete`, method: 'DELETE', path: `${path}/{item}`, status: 204, policy: 'modify_metadef', summary: `Delete one of the ${plural} of a namespace`,
      async handle(ctx, { params }) {
        find((await look(ctx, params.namespace, { change: true })).items, params.item)
        ctx.stage(q.delete(metadefItem).where(one(params.namespace, params.item)))
      },
    }),
    endpoint({
      id: `metadefs.${plural}.clear`, method: 'DELETE', path, status: 204, policy: 'modify_metadef', summary: `Delete all ${plural} of a namespace`,
      async handle(ctx, { params }) {
        await look(ctx, params.namespace, { change: true })
        ctx.stage(q.delete(metadefItem).where(and(eq(metadefItem.namespace, params.namespace), eq(metadefItem.kind, kind))))
      },
    }),
  ]
}

const creating = (kind: 'object' | 'property', plural: string) => endpoint({
  id: `metadefs.${plural}.create`, method: 'POST', path: `/metadefs/namespaces/{namespace}/${plural}`, status: 201, policy: 'modify_metadef', summary: `Create one of the ${plural} of a namespace`, body: { '2.0': bodies[kind] },
  async handle(ctx, { params, body }) {
    await look(ctx, params.namespace, { change: true })
    return views[kind](stageItem(ctx, params.namespace, kind, body as Record<string, unknown>))
  },
})

const createTags = endpoint({
  id: 'metadefs.tags.replace', method: 'POST', path: '/metadefs/namespaces/{namespace}/tags', status: 201, policy: 'modify_metadef', summary: 'Give a namespace these tags and no others',
  body: { '2.0': t.Object({ tags: t.Array(bodies.tag, { maxItems: 1000 }) }) },
  async handle(ctx, { params, body, request }) {
    await look(ctx, params.namespace, { change: true })
    if (!/^true$/i.test(request.headers.get('x-openstack-append') ?? '')) ctx.stage(q.delete(metadefItem).where(and(eq(metadefItem.namespace, params.namespace), eq(metadefItem.kind, 'tag'))))
    return { tags: body.tags.map((b) => ({ name: stageItem(ctx, params.namespace, 'tag', b).name })) }
  },
})
const createTag = endpoint({
  id: 'metadefs.tags.create', method: 'POST', path: '/metadefs/namespaces/{namespace}/tags/{item}', status: 201, policy: 'modify_metadef', summary: 'Add a tag to a namespace',
  async handle(ctx, { params }) {
    await look(ctx, params.namespace, { change: true })
    return views.tag(stageItem(ctx, params.namespace, 'tag', { name: params.item }))
  },
})

/** Types of resources definitions can be about, besides those some namespace names. */
const TYPES = ['OS::Glance::Image', 'OS::Cinder::Volume', 'OS::Nova::Server', 'OS::Nova::Flavor', 'OS::Nova::Aggregate']
const types = [
  endpoint({
    id: 'metadefs.resource_types.all', method: 'GET', path: '/metadefs/resource_types', status: 200, policy: 'get_metadef', summary: 'List types of resources that may have metadata',
    async handle(ctx) {
      const [rows] = await ctx.read(q.selectDistinct({ name: metadefItem.name }).from(metadefItem).where(eq(metadefItem.kind, 'resource_type')))
      const born = isoSeconds(Date.UTC(2026, 0, 1) * 1000)
      return { resource_types: [...new Set([...TYPES, ...rows.map((r) => r.name)])].map((name) => ({ name, created_at: born, updated_at: born })), schema: '/v2/schemas/metadefs/resource_types' }
    },
  }),
  endpoint({
    id: 'metadefs.resource_types.list', method: 'GET', path: '/metadefs/namespaces/{namespace}/resource_types', status: 200, policy: 'get_metadef', summary: 'List types of resources a namespace is about',
    async handle(ctx, { params }) { return { resource_type_associations: (await look(ctx, params.namespace)).items.filter((i) => i.kind === 'resource_type').map(views.resource_type) } },
  }),
  endpoint({
    id: 'metadefs.resource_types.create', method: 'POST', path: '/metadefs/namespaces/{namespace}/resource_types', status: 201, policy: 'modify_metadef', summary: 'Say that a namespace is about a type of resource', body: { '2.0': bodies.resource_type },
    async handle(ctx, { params, body }) {
      await look(ctx, params.namespace, { change: true })
      return views.resource_type(stageItem(ctx, params.namespace, 'resource_type', body as Record<string, unknown>))
    },
  }),
  endpoint({
    id: 'metadefs.resource_types.delete', method: 'DELETE', path: '/metadefs/namespaces/{namespace}/resource_types/{item}', status: 204, policy: 'modify_metadef', summary: 'A namespace is no longer about a type of resource',
    async handle(ctx, { params }) {
      const { items: all } = await look(ctx, params.namespace, { change: true })
      if (!all.some((i) => i.kind === 'resource_type' && i.name === params.item)) throw notFound('resource type', params.item, `The resource type ${params.item.slice(0, 80)} is not associated with the namespace.`)
      ctx.stage(q.delete(metadefItem).where(and(eq(metadefItem.namespace, params.namespace), eq(metadefItem.kind, 'resource_type'), eq(metadefItem.name, params.item))))
    },
  }),
]

export default [...items('object', 'objects', 'object'), ...items('property', 'properties', 'property'), ...items('tag', 'tags', 'tag'), creating('object', 'objects'), creating('property', 'properties'), createTags, createTag, ...types]
