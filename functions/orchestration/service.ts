import { admin, all, any, owns, role, type Check } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'
import type { Fault } from '../kernel/fault.ts'

const reader: Check = any(admin, all(role('reader'), owns)), member: Check = any(admin, all(role('member'), owns))
const each = <const N extends readonly string[]>(names: N, check: Check) => Object.fromEntries(names.map((n) => [n, check])) as Record<N[number], Check>

export const rules = {
  ...each(['stacks:index', 'stacks:detail', 'stacks:count', 'stacks:show', 'stacks:template', 'stacks:environment', 'stacks:files', 'stacks:lookup', 'stacks:list_outputs', 'stacks:show_output', 'stacks:list_resource_types', 'stacks:list_template_versions',
    'stacks:list_template_functions', 'stacks:resource_schema', 'stacks:generate_template', 'stacks:list_snapshots', 'stacks:show_snapshot', 'stacks:export', 'resource:index', 'resource:show', 'resource:metadata', 'events:index', 'events:show', 'build_info:build_info',
    'software_configs:index', 'software_configs:show', 'software_deployments:index', 'software_deployments:show', 'software_deployments:metadata'], reader),
  ...each(['stacks:create', 'stacks:delete', 'stacks:update', 'stacks:update_patch', 'stacks:preview', 'stacks:preview_update', 'stacks:preview_update_patch', 'stacks:validate_template', 'stacks:abandon', 'stacks:snapshot', 'stacks:delete_snapshot', 'stacks:restore_snapshot',
    'actions:action', 'actions:suspend', 'actions:resume', 'actions:check', 'actions:cancel_update', 'actions:cancel_without_rollback', 'actions:snapshot', 'resource:signal', 'resource:mark_unhealthy',
    'software_configs:create', 'software_configs:delete', 'software_deployments:create', 'software_deployments:update', 'software_deployments:delete'], member),
  ...each(['stacks:global_index', 'software_configs:global_index', 'service:index'], admin),
}

const titles: Record<number, string> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 413: 'Request Entity Too Large', 500: 'Internal Server Error', 501: 'Not Implemented', 503: 'Service Unavailable' }
const explained: Record<number, string> = {
  400: 'The server could not comply with the request since it is either malformed or otherwise incorrect.', 401: 'This server could not verify that you are authorized to access the document you requested.', 403: 'Access was denied to this resource.',
  404: 'The resource could not be found.', 405: 'The method is not allowed for this resource.', 409: 'There was a conflict when trying to complete your request.', 413: 'The body of your request was too large for this server.', 500: 'The server has either erred or is incapable of performing the requested operation.',
  501: 'It is not there.', 503: 'The server is currently unavailable. Please try again at a later time.',
}
const types: Partial<Record<Fault['kind'], string>> = { invalid: 'HTTPBadRequest', notFound: 'EntityNotFound', forbidden: 'Forbidden', overQuota: 'RequestLimitExceeded', conflict: 'ActionInProgress', tooLarge: 'RequestLimitExceeded', method: 'HTTPMethodNotAllowed' }
const page = '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  The resource could not be found.<br /><br />\n </body>\n</html>'

export const orchestration = service({
  name: 'orchestration', type: 'orchestration', mount: '/orchestration', prefixes: ['/v1'], projectInPath: true, rules,
  statuses: { overQuota: 403 },
  // Templates and files come in one document.
  bodyLimit: 6_000_000,
  render: (f, status) => (f.detail.type === 'HTTPNotFound' ? { type: 'text/html; charset=UTF-8', body: page }
    : { body: { code: status, title: titles[status] ?? 'Error', explanation: explained[status] ?? '', error: { type: f.detail.type ?? types[f.kind] ?? 'Error', message: f.message, traceback: null } } }),
  versions: (path, origin) => (path === '' ? { status: 300, body: { versions: [{ id: 'v1.0', status: 'CURRENT', links: [{ rel: 'self', href: `${origin}/orchestration/v1/` }] }] } } : undefined),
})
export const { endpoint } = orchestration
