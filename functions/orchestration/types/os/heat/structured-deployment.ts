import { invalid } from '../../../../kernel/fault.ts'
import type { Json } from '../../../template/index.ts'
import { oneOf, text } from '../../provider.ts'
import { deploymentType } from './software-deployment.ts'

/** `{get_input: name}` in a structure becomes the input's value. */
export function structured(config: Json, inputs: Record<string, unknown>, p: Record<string, any>): Json {
  if (Array.isArray(config)) return config.map((x) => structured(x, inputs, p))
  if (!config || typeof config !== 'object') return config
  const entries = Object.entries(config), key = p.input_key ?? 'get_input'
  if (entries.length === 1 && entries[0][0] === key && typeof entries[0][1] === 'string') {
    const name = entries[0][1]
    if (Object.hasOwn(inputs, name)) return (inputs[name] ?? null) as Json
    if (p.input_values_validate === 'STRICT') throw invalid(`Input values validation failed: ${name} is not given`, { type: 'UserParameterMissing' })
    return null
  }
  return Object.fromEntries(entries.map(([k, v]) => [k, structured(v, inputs, p)]))
}
export const more = { input_key: text({ default: 'get_input' }), input_values_validate: text({ default: 'LAX', ...oneOf('LAX', 'STRICT') }) }
export default deploymentType('OS::Heat::StructuredDeployment', 'A structured config on its way to a server.', more, (config, inputs, r) => structured(config, inputs, r.properties))
