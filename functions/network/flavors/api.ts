import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { flavorProfile, networkFlavor, serviceProfile } from '../../../schema/network.ts'
import { full, onDuplicate, q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource } from '../../kernel/resource.ts'
import { endpoint, style } from '../service.ts'
import { standardFields } from '../standard.ts'

onDuplicate('flavor_profile.flavor, flavor_profile.profile', () => conflict('Flavor is already associated with this service profile.', { type: 'FlavorServiceProfileBindingExists' }))

/** What services there are to choose among. Routers are the one kind, and made by the hosts. */
const TYPES = ['L3_ROUTER_NAT']
const text = t.String({ maxLength: 255 }), ids = (r: { profiles?: unknown }) => JSON.parse((r.profiles as string) ?? '[]') as string[]

export const flavorResource: Resource = {
  name: 'flavor', plural: 'flavors', path: '/flavors', table: networkFlavor, sort: [['id', 'asc']], faultType: 'FlavorNotFound', visible: () => undefined,
  extras: { profiles: sql<string>`(select json_group_array(profile) from flavor_profile where flavor = ${full(networkFlavor.id)})`.as('profiles') },
  view: (r) => ({ id: r.id, name: r.name, description: r.description, service_type: r.serviceType, enabled: r.enabled, service_profiles: ids(r) }),
  fields: { id: standardFields.id, name: field(text, 'create update filter sort'), description: field(text, 'create update filter'), service_type: field(text, 'create filter sort required', 'serviceType'), enabled: field(t.Boolean(), 'create update filter sort') },
  joins: { remove: (_ctx, id) => [q.select({ flavor: flavorProfile.flavor }).from(flavorProfile).where(eq(flavorProfile.flavor, id)).limit(1)] },
  verbs: {
    create(ctx, values) {
      if (!TYPES.includes(values.serviceType)) throw invalid(`Invalid input for service_type. Reason: Service type ${values.serviceType} is not one of ${JSON.stringify(TYPES)}.`, { type: 'InvalidInput' })
      return rows(networkFlavor, () => ({ name: '', description: '', enabled: true })).create(ctx, values)
    },
    update: rows(networkFlavor).update,
    remove(ctx, row, [used]) {
      if (used.length) throw conflict(`Flavor ${row.id} is used by some service instance.`, { type: 'FlavorInUse' })
      rows(networkFlavor).remove(ctx, row)
    },
  },
}
export const profileResource: Resource = {
  name: 'service_profile', plural: 'service_profiles', path: '/service_profiles', table: serviceProfile, sort: [['id', 'asc']], faultType: 'ServiceProfileNotFound', visible: () => undefined,
  fields: { id: standardFields.id, description: field(text, 'create update filter'), driver: field(text, 'create update filter sort'), metainfo: field(t.String({ maxLength: 4096 }), 'create update filter sort'), enabled: field(t.Boolean(), 'create update filter sort') },
  joins: { remove: (_ctx, id) => [q.select({ flavor: flavorProfile.flavor }).from(flavorProfile).where(eq(flavorProfile.profile, id)).limit(1)] },
  verbs: {
    create(ctx, values) {
      if (!values.driver && !values.metainfo) throw invalid('Service Profile needs either metainfo or driver.', { type: 'ServiceProfileEmpty' })
      // Drivers are code of another cloud's daemons; what is needed here is described, not loaded.
      if (values.driver) throw notFound('driver', values.driver, `Service Profile driver ${values.driver} could not be found.`, { type: 'ServiceProfileDriverNotFound' })
      return rows(serviceProfile, () => ({ description: '', driver: '', metainfo: '', enabled: true })).create(ctx, values)
    },
    update(ctx, row, change) {
      if (change.driver) throw notFound('driver', change.driver, `Service Profile driver ${change.driver} could not be found.`, { type: 'ServiceProfileDriverNotFound' })
      return rows(serviceProfile).update(ctx, row, change)
    },
    remove(ctx, row, [used]) {
      if (used.length) throw conflict(`Service Profile ${row.id} is used by some service instance.`, { type: 'ServiceProfileInUse' })
      rows(serviceProfile).remove(ctx, row)
    },
  },
}
const closed = { additionalProperties: false } as const
export const flavors = [
  ...resource(style, flavorResource), ...resource(style, profileResource),
  endpoint({
    id: 'flavors.add_profile', method: 'POST', path: '/flavors/{id}/service_profiles', status: 201, policy: 'create_flavor_service_profile', summary: 'Give a flavor a service profile',
    body: { '2.0': t.Object({ service_profile: t.Object({ id: t.String({ maxLength: 36 }), tenant_id: t.Optional(text), project_id: t.Optional(text) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const [[flavor], [profile]] = await ctx.read(q.select().from(networkFlavor).where(eq(networkFlavor.id, params.id)), q.select().from(serviceProfile).where(eq(serviceProfile.id, body.service_profile.id)))
      if (!flavor) throw notFound('flavor', params.id, undefined, { type: 'FlavorNotFound' })
      if (!profile) throw notFound('service profile', body.service_profile.id, undefined, { type: 'ServiceProfileNotFound' })
      ctx.stage(q.insert(flavorProfile).values({ flavor: flavor.id, profile: profile.id }))
      return { service_profile: { id: profile.id } }
    },
  }),
  endpoint({
    id: 'flavors.remove_profile', method: 'DELETE', path: '/flavors/{id}/service_profiles/{profile}', status: 204, policy: 'delete_flavor_service_profile', summary: 'Take a service profile from a flavor',
    async handle(ctx, { params }) {
      const at = and(eq(flavorProfile.flavor, params.id), eq(flavorProfile.profile, params.profile)), [found] = await ctx.read(q.select().from(flavorProfile).where(at))
      if (!found.length) throw notFound('service profile', params.profile, `Service Profile ${params.profile} is not associated with flavor ${params.id}.`, { type: 'FlavorServiceProfileBindingNotFound' })
      ctx.stage(q.delete(flavorProfile).where(at))
    },
  }),
]
