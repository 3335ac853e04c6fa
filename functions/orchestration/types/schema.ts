import type { Constraint, Json } from '../template/index.ts'
import type { Attribute, Property, ResourceType } from './provider.ts'

/** A type's schema as resource-type-show has it. */
export const described = (t: ResourceType, withDescription: boolean) => ({
  resource_type: t.name,
  properties: Object.fromEntries(Object.entries(t.properties).filter(([, p]) => !p.ignored && p.support?.status !== 'HIDDEN').map(([k, p]) => [k, property(p)])),
  attributes: Object.fromEntries([...Object.entries(t.attributes).filter(([k]) => k !== '*').map(([k, a]): [string, object] => [k, attribute(a)]), ...(t.attributes.show ? [] : [['show', { type: 'map', description: 'Detailed information about resource.' }] as [string, object]])]),
  support_status: support(t),
  ...(withDescription ? { description: t.description ?? '' } : {}),
})
const support = (t: Pick<ResourceType, 'support'>) => ({ status: t.support?.status ?? 'SUPPORTED', version: t.support?.version ?? null, message: t.support?.message ?? null, previous_status: null })

function property(p: Property): object {
  return {
    type: p.type === 'any' ? 'any' : p.type, ...(p.description ? { description: p.description } : {}), required: p.required ?? false, update_allowed: p.update === 'in-place', immutable: p.update === 'never', ...(p.default !== undefined ? { default: p.default } : {}),
    ...(p.constraints?.length || p.find ? { constraints: [...(p.constraints ?? []).map(constraint), ...(p.find ? [{ custom_constraint: p.find }] : [])] } : {}),
    ...(p.members ? { schema: Object.fromEntries(Object.entries(p.members).map(([k, m]) => [k, property(m)])) } : p.items ? { schema: { '*': property(p.items) } } : {}),
  }
}
function constraint(c: Constraint): object {
  const d = c.description ? { description: c.description } : {}
  const bounds = (x: { min?: number; max?: number }) => ({ ...(x.min === undefined ? {} : { min: x.min }), ...(x.max === undefined ? {} : { max: x.max }) })
  switch (c.kind) {
    case 'length': return { length: bounds(c), ...d }
    case 'range': return { range: bounds(c), ...d }
    case 'modulo': return { modulo: { step: c.step, offset: c.offset }, ...d }
    case 'allowed_values': return { allowed_values: c.values, ...d }
    case 'allowed_pattern': return { allowed_pattern: c.pattern, ...d }
    case 'custom_constraint': return { custom_constraint: c.name, ...d }
  }
}
const attribute = (a: Attribute) => ({ ...(a.type ? { type: a.type.toLowerCase() } : {}), ...(a.description ? { description: a.description } : {}) })

/** A template with one resource of this type: its properties as parameters, its attributes as outputs. */
export function templateOf(t: ResourceType, language: 'hot' | 'cfn'): Record<string, Json> {
  const name = t.name.split('::').at(-1)!, hot = language === 'hot', shown = Object.entries(t.properties).filter(([, p]) => p.support?.status !== 'HIDDEN' && !p.ignored)
  const kinds: Record<Property['type'], [string, string]> = { string: ['string', 'String'], number: ['number', 'Number'], integer: ['number', 'Number'], boolean: ['boolean', 'Boolean'], list: ['comma_delimited_list', 'CommaDelimitedList'], map: ['json', 'Json'], any: ['json', 'Json'] }
  const parameters = Object.fromEntries(shown.map(([k, p]) => [k, hot
    ? { type: kinds[p.type][0], ...(p.description ? { description: p.description } : {}), ...(p.default !== undefined && p.default !== null ? { default: p.default } : p.required ? {} : { default: emptyOf(p) }), ...(p.constraints?.length ? { constraints: p.constraints.map(constraint) } : {}) }
    : { Type: kinds[p.type][1], ...(p.description ? { Description: p.description } : {}), ...(p.default !== undefined && p.default !== null ? { Default: p.default } : p.required ? {} : { Default: emptyOf(p) }) }])) as Record<string, Json>
  const properties = Object.fromEntries(shown.map(([k]) => [k, hot ? { get_param: k } : { Ref: k }])) as unknown as Record<string, Json>
  const outputs = Object.fromEntries(Object.entries(t.attributes).filter(([k]) => k !== '*').map(([k, a]) => [k, hot ? { value: { get_attr: [name, k] }, ...(a.description ? { description: a.description } : {}) } : { Value: { 'Fn::GetAtt': [name, k] }, ...(a.description ? { Description: a.description } : {}) }])) as Record<string, Json>
  return hot ? { heat_template_version: '2016-10-14', description: `Initial template of ${name}`, parameters, resources: { [name]: { type: t.name, properties } }, outputs }
    : { HeatTemplateFormatVersion: '2012-12-12', Description: `Initial template of ${name}`, Parameters: parameters, Resources: { [name]: { Type: t.name, Properties: properties } }, Outputs: outputs }
}
const emptyOf = (p: Property): Json => (p.type === 'list' ? '' : p.type === 'map' || p.type === 'any' ? {} : p.type === 'boolean' ? false : p.type === 'string' ? '' : 0)
