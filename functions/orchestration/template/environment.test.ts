import { describe, expect, it } from 'vitest'
import { mergeEnvironments, parseEnvironment, registryOf } from './index.ts'
import { matches } from './registry.ts'
import type { Parameter } from './types.ts'

const types = (of: Record<string, Parameter['type']>) => new Map(Object.entries(of).map(([name, type]) => [name, { type }]))
const merge = (files: string[], of: Record<string, Parameter['type']>) =>
  mergeEnvironments(parseEnvironment({}), files.map((_, i) => `f${i}`), Object.fromEntries(files.map((text, i) => [`f${i}`, text])), types(of))

describe('an environment', () => {
  it('refuses sections it does not know, and empty ones, with the line', () => {
    expect(() => parseEnvironment('parameters: {}\nparams: {}\n')).toThrow('environment has wrong section "params" (line 2)')
    expect(() => parseEnvironment('parameters:\n')).toThrow('environment has empty section "parameters"')
    expect(() => parseEnvironment('just words')).toThrow('The environment is not a valid YAML mapping data type.')
  })
  it('refuses hooks and restricted actions that do not exist', () => {
    expect(() => parseEnvironment('resource_registry: { resources: { a: { hooks: pre-cook } } }')).toThrow('Invalid hook type "pre-cook"')
    expect(() => parseEnvironment('resource_registry: { resources: { a: { restricted_actions: [update, eat] } } }')).toThrow('Invalid restricted_action type')
  })
  it('is overwritten by the files that follow', () => {
    expect(merge(['parameters: { a: 1, b: x }', 'parameters: { a: 2 }'], { a: 'number', b: 'string' }).parameters).toEqual({ a: 2, b: 'x' })
  })
  it('merges parameters whose strategy says so, by their type', () => {
    const how = 'parameter_merge_strategies: { default: merge }\n'
    const merged = merge([`${how}parameters: { n: 1, s: ab, l: 'x,y', j: { a: 1, c: { d: 1 } } }`, `${how}parameters: { n: 2, s: cd, l: z, j: { b: 2, c: { e: 2 } } }`],
      { n: 'number', s: 'string', l: 'comma_delimited_list', j: 'json' })
    expect(merged.parameters).toEqual({ n: 3, s: 'abcd', l: 'x,y,z', j: { a: 1, b: 2, c: { e: 2 } } })
  })
  it('merges deeply', () => {
    const how = 'parameter_merge_strategies: { j: deep_merge }\n'
    expect(merge([`${how}parameters: { j: { a: { b: [1], s: x } } }`, `${how}parameters: { j: { a: { b: [2], s: y, c: 3 } } }`], { j: 'json' }).parameters)
      .toEqual({ j: { a: { b: [1, 2], s: 'xy', c: 3 } } })
  })
  it('refuses files that disagree about a strategy', () => {
    expect(() => merge(['parameter_merge_strategies: { a: merge }\nparameters: { a: 1 }', 'parameter_merge_strategies: { a: overwrite }\nparameters: { a: 1 }'], { a: 'number' }))
      .toThrow("Conflicting merge strategy 'overwrite' for parameter 'a' in file 'f1'.")
  })
})

describe('a resource registry', () => {
  const registry = registryOf(parseEnvironment(`
resource_registry:
  "OS::Network*": "OS::Neutron*"
  "My::Server": "OS::Nova::Server"
  "My::*": "OS::Heat::None"
  "OS::Nova::Server": http://example.com/server.yaml
  resources:
    db: { "OS::Nova::Server": db.yaml, hooks: pre-create, restricted_actions: [replace] }
    "web_*": { hooks: [pre-update, pre-create] }
    outer: { inner: { hooks: pre-delete } }
`))
  it('leads from a type to what stands for it', () => {
    expect(registry.find('OS::Networking::Port')).toBe('OS::Neutroning::Port')
    expect(registry.find('My::Server')).toBe('http://example.com/server.yaml')
    expect(registry.find('My::Thing')).toBe('OS::Heat::None')
    expect(registry.find('OS::Nova::Server', 'db')).toBe('db.yaml')
    expect(registry.find('OS::Nova::KeyPair')).toBe('OS::Nova::KeyPair')
  })
  it('knows hooks and restricted actions, by name and by pattern', () => {
    expect(registry.hooks('db')).toEqual(['pre-create'])
    expect(registry.hooks('web_1')).toEqual(['pre-update', 'pre-create'])
    expect(registry.restrictedActions('db')).toEqual(['replace'])
    expect(registryOf(registry.within('outer')).hooks('inner')).toEqual(['pre-delete'])
  })
  it('refuses a circle', () => {
    expect(() => registryOf(parseEnvironment({ resource_registry: { a: 'b', b: 'a' } })).find('a')).toThrow('leads in a circle')
  })
  it('matches names as a shell does, whatever the pattern', () => {
    expect(matches('*_suffix', 'a_suffix')).toBe(true)
    expect(matches('[a-c]?x', 'b1x')).toBe(true)
    expect(matches('[!a]*', 'abc')).toBe(false)
    expect(matches(`${'*a'.repeat(200)}b`, 'a'.repeat(5000))).toBe(false)
  })
})
