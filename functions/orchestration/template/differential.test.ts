import { describe, expect, it } from 'vitest'
import { conditionsOf, parse, resolve, TemplateFault, UNKNOWN } from './index.ts'
import table from './differential.cases.json'
import type { Json, Scope, Template } from './types.ts'

/**
 * What each function gives, by the public documentation of both languages: `[language, version, expression, result]`. Results were worked out with
 * other tools (string, hash, URL and address functions of another language) and never with the code under test. `cfn+` declares the
 * language extensions, `cfn?` is a condition.
 */
type Case = [language: string, version: string, expression: Json, result: Json]
const cases = table.cases as Case[]
const refused = (result: Json) => result !== null && typeof result === 'object' && 'refused' in result

function hot(version: string, value: Json): Json {
  const template = parse({ heat_template_version: version, conditions: table.hot.conditions, outputs: { o: { value } } } as { [key: string]: Json })
  return settled(template, value, { parameters: table.hot.parameters as unknown as Scope['parameters'], conditions: table.hot.conditions, file: (name) => (table.hot.files as Record<string, string>)[name] })
}

/** The first version has no conditions. */
const old = (version: string, value: Json) => settled(parse({ heat_template_version: version, outputs: { o: { value } } }), value, { parameters: table.hot.parameters as unknown as Scope['parameters'] })

const equal = { Yes: { 'Fn::Equals': ['a', 'a'] }, No: { 'Fn::Equals': ['a', 'b'] } }
const stack = { Mappings: table.cfn.mappings, Resources: { Server: { Type: 'T::T::T' }, Nested: { Type: 'T::T::T' } } } as unknown as { [key: string]: Json }

function cfn(value: Json, extended: boolean): Json {
  const template = parse({ ...stack, Conditions: equal, ...extended && { Transform: 'AWS::LanguageExtensions' }, Outputs: { O: { Value: value } } }, { front: 'aws' })
  return settled(template, value, {
    parameters: table.cfn.parameters, conditions: table.cfn.conditions, mappings: template.mappings, resources: new Set(template.resources.keys()),
    resource: (name) => `id-${name}`, attribute: (name, attribute) => `${name}.${attribute}`, zones: () => ['az1', 'az2'], imported: (name) => name === 'exp' ? 'exported' : undefined,
  })
}

function condition(value: Json): Json {
  const template = parse({ ...stack, Conditions: { ...equal, Case: value } }, { front: 'aws' })
  const result = conditionsOf(template, table.cfn.parameters).Case
  if (result === UNKNOWN) throw new Error('unknown')
  return result
}

const settled = (template: Template, value: Json, scope: Omit<Scope, 'dialect'>) => resolve(value, { dialect: template.dialect, ...scope }, ['outputs', 'o', 'value']) as Json

const run = ([language, version, value]: Case) =>
  language === 'hot' ? version < '2016' ? old(version, value) : hot(version, value) : language === 'cfn?' ? condition(value) : cfn(value, language === 'cfn+')

describe('every function of both languages gives what its documentation says', () => {
  const groups = Map.groupBy(cases, ([language, version, value]) => `${language} ${version} ${nameOf(value)}`)
  it('for a good many cases', () => expect(cases.length).toBeGreaterThan(1000))
  it.each([...groups])('%s', (_, all) => {
    for (const one of all) {
      const words = JSON.stringify(one)
      if (refused(one[3])) expect(() => run(one), words).toThrow(TemplateFault)
      else expect(run(one), words).toEqual(one[3])
    }
  })
})

function nameOf(value: Json): string {
  const keys = value && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : []
  return keys.length === 1 ? keys[0] : 'several'
}
