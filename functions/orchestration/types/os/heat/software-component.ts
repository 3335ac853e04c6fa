import { list, map, oneOf, resourceType, text } from '../../provider.ts'
import { configType, inputs, outputs } from './config.ts'

export default resourceType(configType('OS::Heat::SoftwareComponent', 'Configs for the different actions of a lifecycle.', {
  configs: list(map({ actions: list(text(oneOf('CREATE', 'UPDATE', 'DELETE', 'SUSPEND', 'RESUME')), { default: ['CREATE', 'UPDATE'] }), config: text(), tool: text({ required: true }) }), { required: true }), options: map(undefined), inputs, outputs,
}, ({ configs, ...p }) => ({ ...p, group: 'component', config: { configs } })))
