import { list, live, map, rest, text, type ResourceType, type Work } from '../../provider.ts'
import { invalid } from '../../../../kernel/fault.ts'
import type { Value } from '../../../template/types.ts'

export const IDENTITY = { service: 'identity' } as const
/** A document of the identity service. */
export const piece = (o: Omit<Parameters<typeof rest>[0], 'service' | 'update'>): Pick<ResourceType, 'create' | 'update' | 'remove' | 'show'> => {
  const { ready: _, ...p } = rest({ ...IDENTITY, update: 'PATCH', ...o })
  return p
}

export interface Grant { role: string; project?: string; domain?: string }
export const roles = list(map({ role: text({ required: true, find: 'keystone.role' }), project: text({ find: 'keystone.project' }), domain: text({ find: 'keystone.domain' }) }), { ...live, description: 'Roles, each in a project or in a domain.' })
export function checkRoles(list: Value | undefined) {
  for (const g of Array.isArray(list) ? list as unknown as Grant[] : []) {
    if (g?.project && g.domain) throw invalid('Cannot define the following properties at the same time: project, domain.')
    if (g && !g.project && !g.domain) throw invalid('At least one of the following properties must be specified: project, domain.')
  }
}
const path = (kind: 'users' | 'groups', who: string, g: Grant) => `/${g.project ? `projects/${g.project}` : `domains/${g.domain}`}/${kind}/${who}/roles/${g.role}`
const alike = (a: Grant) => (b: Grant) => a.role === b.role && (a.project ?? '') === (b.project ?? '') && (a.domain ?? '') === (b.domain ?? '')
/** Grants what lacks and takes what is too much. */
export async function grant(r: Work, kind: 'users' | 'groups', who: string, before: Grant[] = [], after: Grant[] = []) {
  for (const g of before) if (!after.some(alike(g))) await r.call({ ...IDENTITY, method: 'DELETE', path: path(kind, who, g) })
  for (const g of after) if (!before.some(alike(g))) await r.call({ ...IDENTITY, method: 'PUT', path: path(kind, who, g) })
}
