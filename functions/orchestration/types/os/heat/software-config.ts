import { map, resourceType, text } from '../../provider.ts'
import { configType, inputs, outputs } from './config.ts'

export default resourceType(configType('OS::Heat::SoftwareConfig', 'A script or the like, to be deployed to servers.', { group: text({ default: 'Heat::Ungrouped' }), config: text(), options: map(undefined), inputs, outputs }, (p) => p as never))
