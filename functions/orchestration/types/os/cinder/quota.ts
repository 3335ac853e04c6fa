import { quota } from '../quota.ts'

export default quota({ name: 'OS::Cinder::Quota', version: '7.0.0', path: '/os-quota-sets', key: 'quota_set', to: { service: 'volume' }, limits: ['gigabytes', 'volumes', 'snapshots', 'backups', 'backup_gigabytes'] })
