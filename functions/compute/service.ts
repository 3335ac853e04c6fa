import { admin, adminOrReader, any, authenticated, projectMember, projectReader, self, type Check } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'
import { render } from './fault.ts'
import { range, versions } from './versions.ts'

const each = <const N extends readonly string[]>(names: N, check: Check) => Object.fromEntries(names.map((n) => [`os_compute_api:${n}`, check])) as Record<`os_compute_api:${N[number]}`, Check>
const userOrAdmin = any(admin, self)

export const compute = service({
  name: 'compute', type: 'compute', mount: '/compute', prefixes: ['/v2.1', '/v2'], projectInPath: true,
  microversions: { name: 'compute', legacy: 'x-openstack-nova-api-version', ...range },
  rules: {
    ...each([
      'servers:create', 'servers:create:attach_network', 'servers:create:attach_volume', 'servers:create:trusted_certs', 'servers:update', 'servers:delete', 'servers:start', 'servers:stop',
      'servers:reboot', 'servers:rebuild', 'servers:resize', 'servers:confirm_resize', 'servers:revert_resize', 'servers:create_image',
      'servers:trigger_crash_dump', 'os-pause-server:pause', 'os-pause-server:unpause', 'os-suspend-server:suspend', 'os-suspend-server:resume',
      'os-lock-server:lock', 'os-lock-server:unlock', 'os-admin-password', 'os-console-output', 'os-create-backup', 'os-deferred-delete:force',
      'os-deferred-delete:restore', 'os-rescue', 'os-unrescue', 'os-shelve:shelve', 'os-shelve:unshelve', 'os-security-groups:add', 'os-security-groups:remove',
      'os-multinic:add', 'os-multinic:remove', 'os-floating-ips:add', 'os-floating-ips:remove', 'os-remote-consoles', 'server-metadata:create',
      'server-metadata:update', 'server-metadata:update_all', 'server-metadata:delete', 'os-server-tags:update', 'os-server-tags:update_all',
      'os-server-tags:delete', 'os-server-tags:delete_all', 'os-attach-interfaces:create', 'os-attach-interfaces:delete', 'os-volumes-attachments:create',
      'os-volumes-attachments:update', 'os-volumes-attachments:delete', 'os-server-password:clear', 'os-server-groups:create', 'os-server-groups:delete',
    ], projectMember),
    ...each([
      'servers:index', 'servers:detail', 'servers:show', 'server-metadata:index', 'server-metadata:show', 'os-server-tags:index', 'os-server-tags:show',
      'os-attach-interfaces:list', 'os-attach-interfaces:show', 'os-volumes-attachments:index', 'os-volumes-attachments:show', 'os-server-password:show',
      'os-security-groups:list', 'ips:index', 'ips:show', 'server:topology:index', 'os-instance-actions:list', 'os-instance-actions:show',
      'os-server-groups:index', 'os-server-groups:show', 'os-quota-sets:show', 'os-quota-sets:detail', 'os-simple-tenant-usage:show',
    ], projectReader),
    ...each([
      'servers:index:get_all_tenants', 'servers:detail:get_all_tenants', 'servers:allow_all_filters', 'servers:create:forced_host', 'servers:create:zero_disk_flavor',
      'servers:show:host_status', 'servers:show:host_status:unknown-only', 'os-extended-server-attributes', 'server:topology:host:index', 'os-server-diagnostics',
      'os-admin-actions:inject_network_info', 'os-admin-actions:reset_state', 'os-admin-actions:reset_network', 'os-evacuate', 'os-migrate-server:migrate', 'os-migrate-server:migrate_live',
      'servers:migrations:index', 'servers:migrations:show', 'servers:migrations:delete', 'servers:migrations:force_complete', 'os-migrations:index', 'os-shelve:shelve_offload', 'os-shelve:unshelve_to_host',
      'os-lock-server:unlock:unlock_override', 'os-instance-actions:events', 'os-instance-actions:events:details', 'os-instance-actions:list:cross_project', 'os-instance-usage-audit-log:list', 'os-instance-usage-audit-log:show',
      'os-volumes-attachments:swap', 'os-flavor-access', 'os-flavor-access:add_tenant_access', 'os-flavor-access:remove_tenant_access', 'os-flavor-extra-specs:create', 'os-flavor-extra-specs:update',
      'os-flavor-extra-specs:delete', 'os-flavor-manage:create', 'os-flavor-manage:update', 'os-flavor-manage:delete', 'os-quota-sets:update', 'os-quota-sets:delete', 'os-quota-class-sets:show', 'os-quota-class-sets:update',
      'os-simple-tenant-usage:list', 'os-availability-zone:detail', 'os-hypervisors:list', 'os-hypervisors:list-detail', 'os-hypervisors:show', 'os-hypervisors:statistics', 'os-hypervisors:search', 'os-hypervisors:servers', 'os-hypervisors:uptime',
      'os-services:list', 'os-services:update', 'os-services:delete', 'os-aggregates:index', 'os-aggregates:create', 'os-aggregates:show', 'os-aggregates:update', 'os-aggregates:delete', 'os-aggregates:add_host', 'os-aggregates:remove_host',
      'os-aggregates:set_metadata', 'os-aggregates:images', 'os-hosts:list', 'os-hosts:show', 'os-hosts:update', 'os-hosts:reboot', 'os-hosts:shutdown', 'os-hosts:start', 'os-server-external-events:create',
      'os-assisted-volume-snapshots:create', 'os-assisted-volume-snapshots:delete', 'os-baremetal-nodes:list', 'os-baremetal-nodes:show', 'os-console-auth-tokens', 'os-keypairs:index:others', 'limits:other_project', 'os-server-groups:index:all_projects',
    ], admin),
    // this one alone is not under os_compute_api
    'compute:servers:create:requested_destination': admin,
    ...each(['extensions', 'os-flavor-extra-specs:index', 'os-flavor-extra-specs:show', 'flavors', 'limits', 'os-availability-zone:list', 'os-quota-sets:defaults', 'gone', 'images', 'os-networks:list', 'os-networks:show', 'os-security-groups:get', 'os-floating-ip-pools'], authenticated),
    ...each(['os-keypairs:index', 'os-keypairs:create', 'os-keypairs:delete', 'os-keypairs:show'], userOrAdmin),
    ...each(['os-hosts:any'], adminOrReader),
  },
  render, versions,
  strictSlash: true,
  requestIdHeaders: ['x-compute-request-id'],
})
export const { endpoint } = compute
export type Rule = keyof typeof compute.rules
