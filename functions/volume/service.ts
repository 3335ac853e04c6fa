import { admin, adminOrReader, authenticated, projectMember, projectReader } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'

export const MAX = '3.70'
const version = (origin: string) => ({
  id: 'v3.0', status: 'CURRENT', version: MAX, min_version: '3.0', updated: '2026-11-01T00:00:00Z', links: [{ rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' }, { rel: 'self', href: `${origin}/volume/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
})
const names: Record<number, string> = { 400: 'badRequest', 401: 'unauthorized', 403: 'forbidden', 404: 'itemNotFound', 405: 'badMethod', 409: 'conflictingRequest', 413: 'overLimit', 415: 'badMediaType', 429: 'overLimit', 501: 'notImplemented', 503: 'serviceUnavailable' }

export const volume = service({
  name: 'volume', type: 'volumev3', mount: '/volume', prefixes: ['/v3'], projectInPath: true, strictSlash: true, requestIdHeaders: ['x-compute-request-id'],
  microversions: { name: 'volume', min: '3.0', max: MAX },
  rules: {
    'volume:create': projectMember, 'volume:get': projectReader, 'volume:get_all': adminOrReader, 'volume:update': projectMember, 'volume:delete': projectMember, 'volume:force_delete': admin,
    'volume:get_all_tenants': admin, 'volume:extend': projectMember, 'volume:retype': projectMember, 'volume:update_readonly_flag': projectMember, 'volume:reimage': projectMember, 'volume:revert_to_snapshot': projectMember,
    'volume:attachment_create': projectMember, 'volume:attachment_update': projectMember, 'volume:attachment_delete': projectMember, 'volume:attachment_complete': projectMember, 'volume:attachment_get': projectReader,
    'volume:create_transfer': projectMember, 'volume:accept_transfer': projectMember, 'volume:delete_transfer': projectMember, 'volume:get_transfer': projectReader,
    'volume:create_snapshot': projectMember, 'volume:get_snapshot': projectReader, 'volume:update_snapshot': projectMember, 'volume:delete_snapshot': projectMember,
    'volume_extension:volume_actions:attach': projectMember, 'volume_extension:volume_actions:upload_image': projectMember, 'volume_extension:volume_image_metadata': projectMember,
    'volume_extension:admin_actions': admin, 'volume_extension:types_manage': admin, 'volume_extension:types_get': authenticated, 'volume_extension:access_types_extra_specs': adminOrReader,
    'volume_extension:volume_type_encryption': admin, 'volume_extension:volume_encryption_metadata': projectReader, 'volume_extension:qos_specs_manage': admin, 'volume_extension:qos_specs_get': admin,
    'volume_extension:quotas:show': projectReader, 'volume_extension:quotas:update': admin, 'volume_extension:quota_classes': admin, 'volume_extension:services': admin, 'volume_extension:hosts': admin,
    'volume_extension:capabilities': admin, 'scheduler_extension:get_pools': admin, 'limits_extension:used_limits': projectReader, 'message:get': projectReader, 'message:delete': projectMember,
    'backup:create': projectMember, 'backup:get': projectReader, 'backup:get_all': adminOrReader, 'backup:update': projectMember, 'backup:delete': projectMember, 'backup:restore': projectMember, 'backup:backup-import': admin, 'backup:export-import': admin,
    'backup:backup_project_attribute': admin, 'volume_extension:backup_admin_actions:reset_status': admin, 'volume_extension:backup_admin_actions:force_delete': admin,
    'volume_extension:default_set_or_update': admin, 'group:create': projectMember, 'group:get': projectReader, 'group:update': projectMember, 'group:delete': projectMember, 'group:reset_status': admin, 'group:manage_types': admin,
    'group:get_types': authenticated, 'clusters:get': admin, 'workers:cleanup': admin, 'any:read': authenticated,
  },
  statuses: { overQuota: 413 },
  render(f, status) {
    const name = names[status] ?? 'computeFault'
    return { body: { [name]: { code: status, message: f.message, ...(name === 'overLimit' ? { retryAfter: String(f.detail.retryAfter ?? 0) } : {}) } } }
  },
  versions: (path, origin) => path === '' ? { status: 300, body: { versions: [version(origin)] } } : path === '/v3' ? { status: 200, body: { versions: [version(origin)] } } : undefined,
})
export const { endpoint } = volume
/** The end of a host's name in this API: a host is one back end with one pool. */
export const BACKEND = '@virga', POOL = '@virga#virga'
