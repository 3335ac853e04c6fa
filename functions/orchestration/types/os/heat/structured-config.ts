import { map, resourceType, text } from '../../provider.ts'
import { configType, inputs, outputs } from './config.ts'

export default resourceType(configType('OS::Heat::StructuredConfig', 'A config that is a map.', { group: text({ default: 'Heat::Ungrouped' }), config: map(undefined), options: map(undefined), inputs, outputs }, (p) => ({ ...p, config: p.config ?? {} })))
