import { map, resourceType } from '../../provider.ts'
import { stringify } from 'yaml'
import { configType } from './config.ts'

export default resourceType(configType('OS::Heat::CloudConfig', 'cloud-init configuration as a map.', { cloud_config: map(undefined) }, (p) => ({ group: 'Heat::Cloud-Init', config: `#cloud-config\n${stringify(p.cloud_config ?? {})}` })))
