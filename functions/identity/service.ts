import { admin, all, any, authenticated, role, service as serviceRole, type Caller, type Check } from '../kernel/policy.ts'
import { service, type ServiceConfig } from '../kernel/service.ts'
import type { Fault } from '../kernel/fault.ts'

const named = (says: string, check: Check): Check => Object.assign(check, { says })
const system = named('system', (c) => c?.system ?? false)
/** The caller's token is scoped to the domain asked about. */
const inDomain = named('own domain', (c, t) => c?.domain !== undefined && t.domain === c.domain.id)
const self = named('user', (c, t) => c !== undefined && t.user === c.user.id)
const owns = named('own project', (c, t) => c?.project !== undefined && t.project === c.project.id)

export const systemReader = any(admin, all(system, role('reader')))
/** Whoever looks after a domain looks after its users, groups and projects, and after nothing else. */
const domainReader = any(systemReader, all(inDomain, role('reader')))
const domainManager = any(admin, all(inDomain, role('manager')))
const selfOr = (c: Check) => any(self, c)

const each = <R extends string>(check: Check, ...names: R[]) => Object.fromEntries(names.map((n) => [`identity:${n}`, check])) as Record<`identity:${R}`, Check>

const rules = {
  ...each(any(systemReader, serviceRole, self), 'validate_token', 'check_token'),
  ...each(any(admin, self), 'revoke_token'),
  ...each(authenticated, 'get_auth_projects', 'get_auth_domains', 'get_auth_system', 'get_auth_catalog'),

  ...each(any(systemReader, inDomain, owns), 'get_domain'), ...each(systemReader, 'list_domains'), ...each(admin, 'create_domain', 'update_domain', 'delete_domain'),
  ...each(systemReader, 'get_domain_config'), ...each(admin, 'create_domain_config', 'update_domain_config', 'delete_domain_config'),
  ...each(any(domainReader, owns), 'get_project', 'list_project_tags', 'get_project_tag'), ...each(domainReader, 'list_projects'),
  ...each(domainManager, 'create_project', 'update_project', 'delete_project', 'update_project_tags', 'delete_project_tags'),
  ...each(selfOr(domainReader), 'list_user_projects'),

  ...each(selfOr(domainReader), 'get_user', 'list_groups_for_user'), ...each(domainReader, 'list_users'),
  ...each(domainManager, 'create_user', 'update_user', 'delete_user'), ...each(selfOr(admin), 'change_password'),
  ...each(domainReader, 'get_group', 'list_groups', 'list_users_in_group', 'check_user_in_group'),
  ...each(domainManager, 'create_group', 'update_group', 'delete_group', 'add_user_to_group', 'remove_user_from_group'),

  ...each(any(systemReader, all(named('domain', (c) => c?.domain !== undefined), role('manager'))), 'get_role', 'list_roles'), ...each(admin, 'create_role', 'update_role', 'delete_role'),
  ...each(systemReader, 'get_implied_role', 'list_implied_roles', 'list_role_inference_rules', 'check_implied_role'), ...each(admin, 'create_implied_role', 'delete_implied_role'),
  ...each(domainReader, 'list_grants', 'check_grant'), ...each(domainManager, 'create_grant', 'revoke_grant'),
  ...each(systemReader, 'list_system_grants', 'check_system_grant'), ...each(admin, 'create_system_grant', 'revoke_system_grant'),
  ...each(any(domainReader, all(owns, role('admin'))), 'list_role_assignments'),

  ...each(authenticated, 'get_region', 'list_regions'), ...each(admin, 'create_region', 'update_region', 'delete_region'),
  ...each(systemReader, 'get_service', 'list_services', 'get_endpoint', 'list_endpoints'),
  ...each(admin, 'create_service', 'update_service', 'delete_service', 'create_endpoint', 'update_endpoint', 'delete_endpoint'),
  ...each(systemReader, 'get_endpoint_group', 'list_endpoint_filters'), ...each(admin, 'manage_endpoint_filters'),

  ...each(selfOr(systemReader), 'get_credential', 'list_credentials'), ...each(selfOr(admin), 'create_credential', 'update_credential', 'delete_credential'),
  ...each(selfOr(systemReader), 'ec2_get_credential', 'ec2_list_credentials'), ...each(selfOr(admin), 'ec2_create_credential', 'ec2_delete_credential'),
  ...each(selfOr(systemReader), 'get_application_credential', 'list_application_credentials', 'get_access_rule', 'list_access_rules'),
  ...each(self, 'create_application_credential'), ...each(selfOr(admin), 'delete_application_credential', 'delete_access_rule'),
  ...each(authenticated, 'create_trust', 'list_trusts', 'get_trust', 'delete_trust'),

  ...each(authenticated, 'get_registered_limit', 'list_registered_limits', 'get_limit_model', 'list_limits', 'get_limit'),
  ...each(admin, 'create_registered_limit', 'update_registered_limit', 'delete_registered_limit', 'create_limit', 'update_limit', 'delete_limit'),
  ...each(systemReader, 'get_policy', 'list_policies'), ...each(admin, 'create_policy', 'update_policy', 'delete_policy'),
  ...each(systemReader, 'get_consumer', 'list_consumers'), ...each(admin, 'create_consumer', 'update_consumer', 'delete_consumer'),
  ...each(selfOr(admin), 'get_access_token', 'list_access_tokens', 'delete_access_token', 'list_access_token_roles', 'get_access_token_role'), ...each(authenticated, 'authorize_request_token'),
  ...each(serviceRole, 'ec2_authenticate'),

  ...each(systemReader, 'get_identity_provider', 'list_identity_providers', 'get_protocol', 'list_protocols', 'get_mapping', 'list_mappings', 'get_service_provider', 'list_service_providers'),
  ...each(admin, 'create_identity_provider', 'update_identity_provider', 'delete_identity_provider', 'create_protocol', 'update_protocol', 'delete_protocol',
    'create_mapping', 'update_mapping', 'delete_mapping', 'create_service_provider', 'update_service_provider', 'delete_service_provider'),
  ...each(any(systemReader, domainReader, owns), 'get_project_inventory'), ...each(domainManager, 'purge_project'), ...each(authenticated, 'approve_device'),
}

const titles: Record<number, string> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 413: 'Request Entity Too Large', 501: 'Not Implemented', 503: 'Service Unavailable' }
const render: ServiceConfig['render'] = (f: Fault, status) => ({ body: { error: { code: status, message: f.message, title: titles[status] ?? 'Error' } } })

const document = (origin: string) => ({
  id: 'v3.14', status: 'stable', updated: '2020-04-07T00:00:00Z', links: [{ rel: 'self', href: `${origin}/identity/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
})

export const identity = service({
  name: 'identity', type: 'identity', mount: '/identity', prefixes: ['/v3'], rules, render, bodyLimit: 114_688,
  versions: (path, origin) => path === '' ? { status: 300, body: { versions: { values: [document(origin)] } } }
    : path === '/v3' ? { status: 200, body: { version: document(origin) } } : path === '/healthcheck' ? { status: 200, body: { detailed: false, reasons: [] } } : undefined,
})
export const { endpoint } = identity
export type Rule = keyof typeof rules
export type { Caller }
