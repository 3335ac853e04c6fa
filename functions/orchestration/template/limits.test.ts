import { describe, expect, it } from 'vitest'
import { dependencies, parametersOf, parse, resolve } from './index.ts'
import type { Json } from './types.ts'

/** What a refusal says, and that it came within the time. */
async function refusal(run: () => unknown, within = 10_000) {
  const start = performance.now()
  let words = ''
  try { await run() } catch (error) { words = (error as Error).message }
  expect(performance.now() - start).toBeLessThan(within)
  return words
}
const hot = 'heat_template_version: 2018-08-31\n'

describe('a template made to hurt', () => {
  it('of 50 MB is refused unread', async () => {
    const big = `${hot}description: ${'x'.repeat(50 * 1024 * 1024)}`
    expect(await refusal(() => parse(big), 500)).toMatch(/^Request limit exceeded: Template size \(\d+ bytes\) exceeds maximum allowed size \(524288 bytes\)\./)
    expect(await refusal(() => parse(big, { front: 'aws' }), 500)).toContain('Member must have length less than or equal to 1048576')
  })
  it('counts bytes, not characters', async () => {
    expect(await refusal(() => parse(`${hot}description: ${'€'.repeat(200_000)}`))).toContain('Request limit exceeded')
  })
  it('that laughs a billion times is stopped', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `  a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`)
    expect(await refusal(() => parse(`${hot}parameter_groups:\n  a0: &a0 [x]\n${lines.join('\n')}\n`))).toContain('The template expands to too many values.')
  })
  it('whose anchor holds itself is stopped', async () => {
    expect(await refusal(() => parse(`${hot}resources: &a { x: *a }\n`))).toContain('nested too deeply')
  })
  it.each([['lists', '[', ']'], ['maps', '{"a":', '}'], ['YAML maps', '{a: ', '}']])('nested ten thousand %s deep is refused', async (_, open, close) => {
    expect(await refusal(() => parse(`${hot}resources: ${open.repeat(10_000)}1${close.repeat(10_000)}`))).toContain('nested too deeply')
    expect(await refusal(() => parse(`{"heat_template_version": "2018-08-31", "resources": ${open.repeat(10_000)}1${close.repeat(10_000)}}`))).toContain('nested too deeply')
  })
  it('nested in blocks is refused', async () => {
    const blocks = Array.from({ length: 900 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
    expect(await refusal(() => parse(`${hot}resources:\n${blocks.replace(/^/gm, ' ')}`))).toContain('nested too deeply')
    expect(await refusal(() => parse(`${hot}resources:\n  ${'- '.repeat(50_000)}a`))).toContain('nested too deeply')
  })
  it('with an open end is refused', async () => {
    expect(await refusal(() => parse(`${hot}resources: ${'['.repeat(200_000)}`))).not.toBe('')
    expect(await refusal(() => parse(`${hot}resources: ${'"'.repeat(200_001)}`))).not.toBe('')
  })
  it('with too many resources, parameters, outputs or mappings is refused with the number', async () => {
    const many = (n: number, value: Json) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`R${i}`, value]))
    expect(await refusal(() => parse({ heat_template_version: '2018-08-31', resources: many(1001, { type: 'OS::Heat::None' }) }))).toContain('Maximum resources per stack exceeded.')
    const aws = (raw: { [key: string]: Json }) => refusal(() => parse({ Resources: { A: { Type: 'AWS::EC2::VPC' } }, ...raw }, { front: 'aws' }))
    expect(await aws({ Resources: many(501, { Type: 'AWS::EC2::VPC' }) })).toContain('Template format error: Number of resources, 501, is greater than maximum allowed, 500')
    expect(await aws({ Parameters: many(201, { Type: 'String' }) })).toContain('Number of parameters, 201, is greater than maximum allowed, 200')
    expect(await aws({ Outputs: many(201, { Value: '1' }) })).toContain('Number of outputs, 201')
    expect(await aws({ Mappings: many(201, { a: { b: 'c' } }) })).toContain('Number of mappings, 201')
  })
  it('whose resources need each other in a circle is refused with the circle', () => {
    const circle = (names: string[]) => Object.fromEntries(names.map((name, i) => [name, { type: 'OS::Heat::Value', properties: { value: { get_attr: [names[(i + 1) % names.length], 'value'] } } }]))
    expect(() => dependencies(parse({ heat_template_version: '2018-08-31', resources: circle(['a', 'b', 'c']) }))).toThrow('Circular Dependency Found: a -> b -> c -> a')
    expect(() => dependencies(parse({ heat_template_version: '2018-08-31', resources: { a: { type: 'T', depends_on: 'a' } } }))).toThrow('a -> a')
    expect(() => dependencies(parse({ Resources: { B: { Type: 'T::T::T', DependsOn: 'A' }, A: { Type: 'T::T::T', Properties: { X: { Ref: 'B' } } } } }, { front: 'aws' }))).toThrow('Circular dependency between resources: [A, B]')
  })
  it('whose conditions go in a circle is refused', async () => {
    const { conditionsOf } = await import('./index.ts')
    expect(() => conditionsOf(parse({ heat_template_version: '2018-08-31', conditions: { a: { not: 'b' }, b: { not: 'a' } } }), {})).toThrow('Circular definition for condition "a"')
    expect(() => conditionsOf(parse({ Conditions: { A: { 'Fn::Not': [{ Condition: 'B' }] }, B: { 'Fn::Not': [{ Condition: 'A' }] } }, Resources: { V: { Type: 'T::T::T' } } }, { front: 'aws' }), {})).toThrow('Circular dependency between conditions: [A, B]')
  })
  it('whose chain is long is put in order all the same', () => {
    const n = 1000
    const template = parse({ heat_template_version: '2018-08-31', resources: Object.fromEntries(Array.from({ length: n }, (_, i) => [`r${i}`, { type: 'T', ...i && { depends_on: `r${i - 1}` } }])) })
    expect(dependencies(template).order).toEqual(Array.from({ length: n }, (_, i) => `r${i}`))
  })
  it('that doubles its text over and over is stopped', async () => {
    const double = (inner: Json, depth: number): Json => depth ? double({ str_replace: { template: 'xxxxxxxxxx', params: { x: inner } } }, depth - 1) : inner
    const { dialect } = parse(hot)
    expect(await refusal(() => resolve(double('0123456789', 9), { dialect, parameters: {} }))).toContain('The template expands to too much text.')
    const lists = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`%${i}%`, ['a', 'b', 'c', 'd']]))
    expect(await refusal(() => resolve({ repeat: { template: 'x', for_each: lists } }, { dialect, parameters: {} }))).toContain('The template expands to too many values.')
  })
  it('whose pattern would take for ever is matched at once', async () => {
    const template = (pattern: string) => parse({ heat_template_version: '2018-08-31', parameters: { p: { type: 'string', constraints: [{ allowed_pattern: pattern }] } } })
    expect(await refusal(() => parametersOf(template('^(a+)+$'), { given: { p: `${'a'.repeat(5000)}!` } }))).toContain('does not match pattern')
    expect(await refusal(() => parametersOf(template('(.*)*(.*)*x'), { given: { p: 'a'.repeat(5000) } }))).toContain('does not match pattern')
    expect(await refusal(() => parametersOf(template('(a)\\1'), { given: { p: 'aa' } }))).toContain('look-around and back references are not')
  })
  it('knows the looks ahead that passwords are described with', async () => {
    const template = parse({ Parameters: { P: { Type: 'String', AllowedPattern: '^(?=.*[a-z])(?=.*\\d)(?!.* ).{6,}$' } }, Resources: { V: { Type: 'T::T::T' } } }, { front: 'aws' })
    await parametersOf(template, { given: { P: 'abc123' } })
    for (const bad of ['abcdef', '123456', 'abc 123', 'a1']) await expect(parametersOf(template, { given: { P: bad } })).rejects.toThrow("Parameter 'P' must match pattern")
  })
  it('cannot reach what it should not', () => {
    expect(() => parse('{"heat_template_version": "2018-08-31", "resources": {"__proto__": {"type": "x"}}}')).toThrow('"__proto__" is not allowed')
    expect(() => parse(`${hot}resources: { __proto__: { type: x } }`)).toThrow('"__proto__" is not allowed. (line 2)')
    const { dialect } = parse(hot)
    expect(() => resolve({ get_param: 'constructor' }, { dialect, parameters: {} })).toThrow('The Parameter (constructor) was not provided.')
    expect(resolve({ get_param: ['p', 'constructor'] }, { dialect, parameters: { p: { a: 1 } } })).toBe('')
  })
  it('is refused with tags that would make objects', () => {
    expect(() => parse(`${hot}description: !!python/object/apply:os.system [ls]\n`)).toThrow('could not determine a constructor')
    expect(() => parse('Resources: { A: { Type: !Foo x } }', { front: 'aws' })).toThrow('Unrecognized resource tag !Foo (line 1)')
    expect(() => parse('Resources: { A: &a { Type: x }, B: *a }', { front: 'aws' })).toThrow('YAML aliases are not allowed in CloudFormation templates')
  })
})
