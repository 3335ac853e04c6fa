import { quota } from '../quota.ts'

// What networks count has its own quota; the newest version does not know these any more.
export default quota({
  name: 'OS::Nova::Quota', version: '8.0.0', path: '/os-quota-sets', key: 'quota_set', to: { service: 'compute', version: '2.35' }, deprecated: ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'],
  limits: ['cores', 'fixed_ips', 'floating_ips', 'instances', 'injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes', 'key_pairs', 'metadata_items', 'ram', 'security_groups', 'security_group_rules', 'server_groups', 'server_group_members'],
})
