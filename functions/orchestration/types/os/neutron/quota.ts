import { quota } from '../quota.ts'

export default quota({
  name: 'OS::Neutron::Quota', version: '8.0.0', path: '/quotas', key: 'quota', to: { service: 'network' },
  limits: ['subnet', 'network', 'floatingip', 'security_group_rule', 'security_group', 'router', 'port', 'subnetpool', 'rbac_policy'],
})
