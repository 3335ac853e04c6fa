import { any, projectReader, service as adminOrService, type Check } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'

/** The newest version is the one whose every row, field and parameter is answered. */
export const range = { min: '1.0', max: '1.39' }

const each = <const N extends readonly string[]>(names: N, check: Check) => Object.fromEntries(names.map((n) => [`placement:${n}`, check])) as Record<`placement:${N[number]}`, Check>
const titles: Record<number, string> = {
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 409: 'Conflict',
  413: 'Request Entity Too Large', 415: 'Unsupported Media Type', 500: 'Internal Server Error', 503: 'Service Unavailable',
}

/** What a failure is called from 1.23 on: a fault's `type` says, else nothing particular. */
export const code = {
  undefined: 'placement.undefined_code', inUse: 'placement.inventory.inuse', concurrent: 'placement.concurrent_update', duplicate: 'placement.duplicate_name',
  providerInUse: 'placement.resource_provider.inuse', isParent: 'placement.resource_provider.cannot_delete_parent', noProvider: 'placement.resource_provider.not_found',
  twice: 'placement.query.duplicate_key', badValue: 'placement.query.bad_value', missingValue: 'placement.query.missing_value',
}

export const placement = service({
  name: 'placement', type: 'placement', mount: '/placement', prefixes: [''],
  microversions: { name: 'placement', ...range },
  rules: {
    ...each([
      'resource_providers:list', 'resource_providers:create', 'resource_providers:show', 'resource_providers:update', 'resource_providers:delete',
      'resource_providers:inventories:list', 'resource_providers:inventories:create', 'resource_providers:inventories:show', 'resource_providers:inventories:update', 'resource_providers:inventories:delete',
      'resource_providers:usages', 'resource_providers:aggregates:list', 'resource_providers:aggregates:update', 'resource_providers:allocations:list',
      'resource_providers:traits:list', 'resource_providers:traits:update', 'resource_providers:traits:delete', 'traits:list', 'traits:show', 'traits:update', 'traits:delete',
      'resource_classes:list', 'resource_classes:create', 'resource_classes:show', 'resource_classes:update', 'resource_classes:delete',
      'allocations:manage', 'allocations:list', 'allocations:update', 'allocations:delete', 'allocation_candidates:list', 'reshaper:reshape',
    ], adminOrService),
    ...each(['usages'], any(adminOrService, projectReader)),
  },
  render(f, status, { requestId, version }) {
    const own = f.detail.type?.startsWith('placement.') ? f.detail.type : f.detail.type === 'Conflict' ? code.concurrent : code.undefined
    return {
      body: { errors: [{
        status, title: titles[status] ?? 'Error', detail: f.message, request_id: requestId,
        ...(version >= 1023 && { code: own }),
        ...(f.kind === 'version' && { max_version: range.max, min_version: range.min }),
      }] },
    }
  },
  versions: (path) => path === '' ? { status: 200, body: { versions: [{ id: 'v1.0', max_version: range.max, min_version: range.min, status: 'CURRENT', links: [{ rel: 'self', href: '' }] }] } } : undefined,
})
export const { endpoint } = placement
