import { live, required, resourceType, text, type ResourceType } from '../../provider.ts'
import { checkRoles, grant, roles, type Grant } from './pieces.ts'

/** Roles of somebody who is there already. What was granted is noted down, so that exactly that is taken back. */
export function assignment(name: string, who: 'user' | 'group'): ResourceType {
  const kind = `${who}s` as const
  return resourceType({
    name, description: `Roles of a ${who}.`, support: { status: 'SUPPORTED', version: '5.0.0' }, admin: true,
    properties: { [who]: text({ ...required, ...live, find: `keystone.${who}` }), roles },
    attributes: {},
    validate: (p) => checkRoles(p.roles),
    async create(r) {
      const { [who]: id, roles = [] } = r.properties
      await grant(r, kind, id, [], roles)
      return { id: r.resource.id, data: { who: id, roles } }
    },
    async update(r, { after }) {
      const { who: id, roles = [] } = r.resource.data as { who: string; roles: Grant[] }
      if (id !== after[who]) { await grant(r, kind, id, roles, []); await grant(r, kind, after[who], [], after.roles) }
      else await grant(r, kind, id, roles, after.roles)
      return { data: { who: after[who], roles: after.roles ?? [] } }
    },
    show: (r) => ({ ...r.resource.data }),
    async remove(r) { if (r.resource.data.who) await grant(r, kind, r.resource.data.who, r.resource.data.roles, []) },
  })
}
