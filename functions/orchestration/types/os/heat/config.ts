import { boolean, list, map, oneOf, rest, text, type Property, type ResourceType } from '../../provider.ts'

const io = { name: text({ required: true }), description: text({ default: '' }), type: text({ default: 'String', ...oneOf('String', 'Number', 'CommaDelimitedList', 'Json', 'Boolean') }) }
export const inputs: Property = list(map({ ...io, default: { type: 'any' }, replace_on_change: boolean({ default: false }) }))
export const outputs: Property = list(map({ ...io, error_output: boolean({ default: false }) }))

/** A kind of software config: what `body` makes of the properties is kept by the software config API. */
export const configType = (name: string, description: string, properties: Record<string, Property>, body: (p: Record<string, any>) => { group?: string; config: unknown; inputs?: unknown; outputs?: unknown; options?: unknown }): ResourceType => ({
  name, description, support: { status: 'SUPPORTED', version: '2014.1' }, properties, attributes: { config: { type: 'String' } },
  ...rest({ service: 'orchestration', path: '/software_configs', key: 'software_config', body: (p) => body(p) }),
  // The config API takes its members bare.
  async create(r) { const c = (await r.call({ service: 'orchestration', method: 'POST', path: '/software_configs', body: { name: r.uniqueName(), ...body(r.properties) } })).software_config; return { id: c.id, shown: c } },
  update: undefined,
})
