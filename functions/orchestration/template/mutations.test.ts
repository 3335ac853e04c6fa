import { describe, expect, it } from 'vitest'
import { checkRules, conditionsOf, dependencies, outputsOf, parametersOf, parse, pseudoParameters, resolve, TemplateFault } from './index.ts'
import table from './differential.cases.json'
import type { Front, Json, Scope } from './types.ts'

/** A template somewhat broken is refused in words, never with a failure of ours. Seeded, so that it can be had again. */
const random = (seed: number) => (below: number) => {
  seed = (seed + 0x6D2B79F5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % below
}
const junk: Json[] = [null, true, 5, -1, 1.5, '', 'x', [], {}, [[]], [null], { a: 1 }, { Ref: 'S' }, { get_param: 's' }, { 'Fn::GetAtt': ['R', 'x'] }, { get_attr: ['r', 'x'] }, { if: ['c', 1] }, '${x}', '{{resolve:ssm:x}}', { 'Fn::ForEach::X': ['I', ['a'], { '${I}': 1 }] }, 1e300]
const keys = ['Type', 'x', 'Fn::Join', 'type', 'Ref', 'condition']

function broken(value: Json, rnd: (below: number) => number): Json {
  if (rnd(60) === 0) return junk[rnd(junk.length)]
  if (Array.isArray(value)) return value.map((item) => broken(item, rnd)).slice(0, rnd(60) === 0 ? -1 : undefined)
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [rnd(250) === 0 ? keys[rnd(keys.length)] : key, broken(item, rnd)]))
  return value
}
const hot = (value: Json, version: string): Json => ({
  heat_template_version: version, parameters: { s: { type: 'string', default: 'x', constraints: [{ length: { min: 0 } }, { allowed_pattern: '.*' }] }, j: { type: 'json', default: '{}' }, l: { type: 'comma_delimited_list', default: 'a' } },
  parameter_groups: [{ label: 'g', parameters: ['s'] }], conditions: { c: { equals: [1, { get_param: 's' }] } },
  resources: { r: { type: 'T', depends_on: [], properties: { p: value } }, q: { type: 'T', condition: 'c', properties: { x: { get_resource: 'r' } } } }, outputs: { o: { value } },
})
const cfn = (value: Json): Json => ({
  Transform: 'AWS::LanguageExtensions', Parameters: { S: { Type: 'String', Default: 'x', MinLength: 0, AllowedPattern: '.*' }, L: { Type: 'List<Number>', Default: '1,2' } }, Mappings: { M: { a: { b: 'c' } } },
  Conditions: { c: { 'Fn::Equals': [{ Ref: 'S' }, 'x'] } }, Rules: { R: { Assertions: [{ Assert: { 'Fn::Contains': [['x'], { Ref: 'S' }] } }] } },
  Resources: { R: { Type: 'T::T::T', DependsOn: 'Q', Properties: { p: value } }, Q: { Type: 'T::T::T', Condition: 'c' }, 'Fn::ForEach::X': ['I', { Ref: 'L' }, { 'N${I}': { Type: 'T::T::T' } }] }, Outputs: { O: { Value: value, Export: { Name: 'n' } } },
})

async function through(raw: Json, front: Front, known: Json | undefined) {
  const template = parse(JSON.stringify(raw), { front })
  const { values } = await parametersOf(template)
  const parameters = { ...values, ...pseudoParameters(template, { id: 'i', name: 'n', project: 'p' }) }
  const conditions = conditionsOf(template, parameters)
  const scope: Scope = { dialect: template.dialect, parameters, conditions, mappings: template.mappings, resources: new Set(template.resources.keys()), lineOf: template.lineOf }
  if (known !== undefined) Object.assign(scope, { resource: (name: string) => name, attribute: () => known, zones: () => ['z'], imported: () => 'x', dynamic: () => 'y', file: () => 'f', facade: () => ({}) })
  for (const name of dependencies(template, conditions, parameters).order) resolve(template.resources.get(name)!.properties, scope)
  await outputsOf(template, scope)
  await checkRules(template, scope)
}

describe('templates broken at random', () => {
  it.each([1, 2, 3, 4])('are resolved or refused, seed %i', async (seed) => {
    const rnd = random(seed)
    const count = { resolved: 0, refused: 0 }
    for (let i = 0; i < 400; i++) {
      const value = broken(table.cases[rnd(table.cases.length)][2] as Json, rnd)
      const raw = rnd(2) ? hot(value, ['2021-04-16', 'newton', 'pike'][rnd(3)]) : cfn(value)
      const language = Object.hasOwn(raw as object, 'heat_template_version') ? 'heat' : 'aws'
      await through(broken(raw, rnd), rnd(8) ? language : language === 'heat' ? 'aws' : 'heat', rnd(2) ? junk[rnd(junk.length)] : undefined).then(() => count.resolved++, (error: unknown) => {
        if (!(error instanceof TemplateFault)) throw new Error(`${JSON.stringify(raw)}: ${(error as Error).stack}`)
        count.refused++
      })
    }
    expect(count.resolved).toBeGreaterThan(20)
    expect(count.refused).toBeGreaterThan(20)
  })
})
