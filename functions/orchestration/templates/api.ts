import type { Ctx } from '../../kernel/ctx.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { regionOf } from '../engine/place.ts'
import { compile, type Program, type Source } from '../engine/program.ts'
import { validate } from '../engine/validate.ts'
import { endpoint } from '../service.ts'
import { sourceOf, truth, validateBody } from '../stacks/body.ts'
import { hotVersions, isTemplateName, listFunctions, shownEnvironment, type Constraint, type Parameter } from '../template/index.ts'
import { patternOf } from '../template/pattern.ts'
import { unavailable } from '../types/absent.ts'
import { types, typeNamed } from '../types/index.ts'
import { described, templateOf } from '../types/schema.ts'

const kinds: Record<Parameter['type'], string> = { string: 'String', number: 'Number', comma_delimited_list: 'CommaDelimitedList', json: 'Json', boolean: 'Boolean' }
const limits: { [K in Constraint['kind']]: (c: Extract<Constraint, { kind: K }>) => Record<string, unknown> } = {
  length: (c) => ({ ...(c.min === undefined ? {} : { MinLength: c.min }), ...(c.max === undefined ? {} : { MaxLength: c.max }) }), range: (c) => ({ ...(c.min === undefined ? {} : { MinValue: c.min }), ...(c.max === undefined ? {} : { MaxValue: c.max }) }),
  modulo: (c) => ({ Step: c.step, Offset: c.offset }), allowed_values: (c) => ({ AllowedValues: c.values }), allowed_pattern: (c) => ({ AllowedPattern: c.pattern }), custom_constraint: (c) => ({ CustomConstraint: c.name }),
}
function parameterView(p: Parameter, given: unknown) {
  const said = [...p.constraints.map((c) => c.description), p.constraintDescription].filter(Boolean).join(' ')
  return {
    Type: kinds[p.type], Description: p.description ?? '', NoEcho: String(p.hidden), Label: p.label ?? p.name, ...(p.default !== undefined ? { Default: p.default } : {}), ...(given !== undefined ? { Value: given } : {}), ...(p.tags.length ? { Tags: p.tags } : {}),
    ...Object.assign({}, ...p.constraints.map((c) => limits[c.kind](c as never))), ...(said ? { ConstraintDescription: said } : {}),
  }
}
const groupsOf = (p: Program) => (p.template.parameterGroups.length ? { ParameterGroups: p.template.parameterGroups } : {})
const parametersOf = (p: Program) => Object.fromEntries([...p.template.parameters.values()].map((x) => [x.name, parameterView(x, p.parameters.given[x.name])]))

async function nested(ctx: Ctx, p: Program, depth = 0): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {}
  if (depth < 5) {
    for (const one of await validate(p, { loose: true })) {
      const inner = one.type.preview?.(one.properties, p)
      if (!inner) continue
      const child = await compile(inner as Source, p.place, '', { lenient: true })
      out[one.name] = { Type: p.template.resources.get(one.name)!.type, Description: child.template.description, Parameters: parametersOf(child), ...groupsOf(child), ...await nested(ctx, child, depth + 1) }
    }
  }
  return Object.keys(out).length ? { NestedParameters: out } : {}
}

/** Templates used as types stand in the registry under their own names. */
function shownOf(p: Program) {
  const own = Object.fromEntries([...p.template.resources.values()].filter((r) => isTemplateName(r.type)).map((r) => [r.type, r.type]))
  const env = shownEnvironment(p.environment) as Record<string, Record<string, unknown>>
  return { ...env, resource_registry: { resources: {}, ...own, ...env.resource_registry } }
}

async function typeOr404(name: string) {
  const type = await typeNamed(name)
  const lacks = type ? undefined : unavailable(name)
  if (lacks) throw notFound('Resource Type', name, lacks, { type: 'ResourceTypeUnavailable' })
  if (!type) throw notFound('Resource Type', name, `The Resource Type (${name}) could not be found.`, { type: 'EntityNotFound' })
  if (type.support?.status === 'HIDDEN') throw notFound('Resource Type', name, `${name} is not supported.`, { type: 'NotSupported' })
  return type
}
const cfn = ['AWSTemplateFormatVersion.2010-09-09', 'HeatTemplateFormatVersion.2012-12-12']
const aliases: Record<string, string> = { '2016-10-14': 'newton', '2017-02-24': 'ocata', '2017-09-01': 'pike', '2018-03-02': 'queens', '2018-08-31': 'rocky', '2021-04-16': 'wallaby' }

export default [
  endpoint({
    id: 'templates.validate', method: 'POST', path: '/validate', status: 200, summary: 'Validate a template', policy: 'stacks:validate_template',
    body: validateBody,
    async handle(ctx, { body, query }) {
      const b = body as Record<string, any>, source = await sourceOf(ctx, b)
      if (source.body === undefined) throw invalid('No template specified')
      if (b.show_nested !== undefined && typeof b.show_nested !== 'boolean') truth(b.show_nested, 'show_nested')
      const p = await compile({ ...source, body: source.body }, { id: 'None', name: 'dummy', project: ctx.project, front: 'heat', region: regionOf(ctx) }, '', { lenient: true })
      await validate(p)
      return { Description: p.template.description || 'No description', Parameters: parametersOf(p), ...groupsOf(p), ...(truth(b.show_nested ?? query.get('show_nested'), 'show_nested') ? await nested(ctx, p) : {}), Environment: shownOf(p) }
    },
  }),
  endpoint({
    id: 'templates.versions', method: 'GET', path: '/template_versions', status: 200, summary: 'List template versions', policy: 'stacks:list_template_versions',
    handle: () => ({ template_versions: [...hotVersions.map((v) => ({ version: `heat_template_version.${v}`, type: 'hot', aliases: aliases[v] ? [`heat_template_version.${aliases[v]}`] : [] })), ...cfn.map((version) => ({ version, type: 'cfn', aliases: [] }))] }),
  }),
  endpoint({
    id: 'templates.functions', method: 'GET', path: '/template_versions/{version}/functions', status: 200, summary: 'List the functions of a template version', policy: 'stacks:list_template_functions',
    handle(_ctx, { params, query }) {
      const hot = params.version.startsWith('heat_template_version.')
      if (hot ? !hotVersions.includes(params.version.slice(22)) : !cfn.includes(params.version)) throw notFound('Template version', params.version, `Template with version ${params.version} not found`, { type: 'NotFound' })
      return { template_functions: listFunctions({ language: hot ? 'hot' : 'cfn', version: params.version, front: 'heat' }, truth(query.get('with_condition_func'), 'with_condition_func')).map((f) => ({ functions: f.name, description: f.description })) }
    },
  }),
  endpoint({
    id: 'types.list', method: 'GET', path: '/resource_types', status: 200, summary: 'List resource types', policy: 'stacks:list_resource_types',
    async handle(_ctx, { query }) {
      const status = query.get('support_status'), name = query.get('name'), withDescription = truth(query.get('with_description'), 'with_description') ?? false
      if (status !== null && !['UNKNOWN', 'SUPPORTED', 'DEPRECATED', 'UNSUPPORTED', 'HIDDEN'].includes(status)) throw invalid(`Invalid support status and should be one of ['UNKNOWN', 'SUPPORTED', 'DEPRECATED', 'UNSUPPORTED', 'HIDDEN']`)
      // Matched from the beginning, as heat does, and in linear time.
      const pattern = name ? patternOf(name.endsWith('$') ? name : `${name}.*`) : undefined
      if (name && !pattern) throw invalid(`"${name.slice(0, 64)}" is no pattern.`)
      const wanted = Object.keys(types).filter((n) => !pattern || pattern.whole(n)).sort()
      const loaded = status !== null || withDescription ? await Promise.all(wanted.map(typeNamed)) : undefined
      const shown = loaded ? loaded.filter((x) => (x!.support?.status ?? 'SUPPORTED') === (status ?? (x!.support?.status === 'HIDDEN' ? '' : x!.support?.status ?? 'SUPPORTED'))).map((x) => x!.name) : wanted
      return { resource_types: withDescription ? shown.map((n) => ({ resource_type: n, description: loaded!.find((x) => x!.name === n)?.description ?? '' })) : shown }
    },
  }),
  endpoint({ id: 'types.show', method: 'GET', path: '/resource_types/{type}', status: 200, summary: 'Show a resource type', policy: 'stacks:resource_schema', async handle(_ctx, { params, query }) { return described(await typeOr404(params.type), truth(query.get('with_description'), 'with_description') ?? false) } }),
  endpoint({
    id: 'types.template', method: 'GET', path: '/resource_types/{type}/template', status: 200, summary: 'Show a template of a resource type', policy: 'stacks:generate_template',
    async handle(_ctx, { params, query }) {
      const language = query.get('template_type') ?? 'cfn'
      if (language !== 'hot' && language !== 'cfn') throw invalid(`Template type is not supported: Invalid template type "${language}", valid types are: cfn, hot.`)
      return templateOf(await typeOr404(params.type), language)
    },
  }),
  endpoint({ id: 'build_info', method: 'GET', path: '/build_info', status: 200, summary: 'Show which version this is', policy: 'build_info:build_info', handle: () => ({ api: { revision: 'virga' }, engine: { revision: 'virga' } }) }),
]
