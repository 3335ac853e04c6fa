import { describe, expect, it } from 'vitest'
import { immutableChanges, parametersOf, parse, pseudoParameters, resolve, resolveLater, shownAs, TemplateFault, UNKNOWN } from './index.ts'
import type { Json } from './types.ts'

const hot = (text: string, date = '2018-08-31') => parse(`heat_template_version: ${date}\n${text}`)
const aws = (text: string) => parse(text, { front: 'aws' })
const one = 'Resources: { V: { Type: T::T::T } }\n'

const hotRefusals: [text: string, words: string][] = [
  ['resourses: {}', 'The template section is invalid: resourses (line 2)'],
  ['resources:\n  a:\n    tipe: T', '"tipe" is not a valid keyword inside a resource definition (line 4)'],
  ['resources: { a: {} }', 'Each resource must contain a type key. (line 2)'],
  ['resources: { a: text }', '"resources" must contain a map of resource maps. Found a [str] instead'],
  ['resources: { a: { type: T, properties: [1] } }', 'Resource a properties type must be object'],
  ['resources: { a: { type: T, depends_on: { b: c } } }', 'Resource a depends_on type must be list or string'],
  ['resources: { a: { type: T, depends_on: [1] } }', 'Resource a depends_on must be a list of strings'],
  ['resources: { a: { type: T, deletion_policy: Keep } }', 'Invalid deletion policy "Keep"'],
  ['outputs: { o: { vale: 1 } }', '"vale" is not a valid keyword inside a output definition'],
  ['outputs: { o: { description: x } }', 'Each output must contain a value key.'],
  ['conditions: { c: word }', 'The definition of condition "c" is invalid: "word"'],
  ['conditions: { c: { equals: [{ get_attr: [a, b] }, 1] } }', 'The function "get_attr" is invalid in this context.'],
  ['conditions: { c: { equals: [1] } }', 'Arguments to "equals" must be of the form: [value_1, value_2]'],
  ['parameters: { p: { default: 1 } }', 'Missing parameter type for parameter: p'],
  ['parameters: { p: { type: text } }', 'Invalid type (text)'],
  ['parameters: { p: { type: string, defalt: 1 } }', "Invalid key 'defalt' for parameter (p)"],
  ['parameters: { p: { type: string, constraints: { length: { min: 1 } } } }', 'Invalid parameter constraints for parameter p, expected a list'],
  ['parameters: { p: { type: string, constraints: [{ long: 1 }] } }', "Invalid key 'long' for parameter constraints"],
  ['parameters: { p: { type: string, constraints: [{ description: 1 }] } }', 'No constraint expressed'],
  ['parameters: { p: { type: string, constraints: [{ range: { min: 1 } }] } }', "Parameter 'p' is invalid: Range constraint invalid for String"],
  ['parameters: { p: { type: number, constraints: [{ range: {} }] } }', 'A range constraint must have a min value and/or a max value specified.'],
  ['parameters: { p: { type: number, constraints: [{ modulo: { step: 2, offset: 3 } }] } }', 'offset must be smaller (by absolute value) than step.'],
  ['parameters: { p: { type: number, constraints: [{ modulo: { step: 0, offset: 0 } }] } }', 'step cannot be 0.'],
  ['parameter_groups: { a: b }', 'Parameter Groups error: parameter_groups: The parameter_groups should be a list.'],
  ['parameter_groups: [{ label: g }]', 'Parameter Groups error: parameter_groups.g: The parameters must be provided for each parameter group.'],
  ['parameter_groups: [{ label: g, parameters: [p] }]', 'The grouped parameter p does not reference a valid parameter.'],
  ['parameters: { p: { type: string } }\nparameter_groups: [{ parameters: [p] }, { parameters: [p] }]', 'The p parameter must be assigned to one parameter group only.'],
  ['outputs: { o: { value: { list_join: a } } }', 'outputs.o.value.list_join: Incorrect arguments to "list_join"'],
  ['a: b: c', 'Error parsing template [root stack]'],
  ['resources: {\n  a: *nowhere }', 'found undefined alias'],
]

describe('heat says of a template', () => {
  it.each(hotRefusals)('%s', (text, words) => {
    expect(() => hot(text)).toThrow(TemplateFault)
    expect(() => hot(text)).toThrow(words)
  })
  it('what version it wants', () => {
    expect(() => parse('heat_template_version: 2012-12-12')).toThrow('The template version is invalid: "heat_template_version: 2012-12-12". "heat_template_version" should be one of: 2013-05-23, 2014-10-16')
    expect(() => parse('resources: {}')).toThrow('Template format version not found.')
    expect(() => parse('[1]')).toThrow('The template is not a JSON object or YAML mapping.')
    expect(() => parse('AWSTemplateFormatVersion: 2010-09-10')).toThrow('"AWSTemplateFormatVersion" should be: 2010-09-09')
    expect(() => parse('AWSTemplateFormatVersion: 2010-09-09\nheat_template_version: newton')).toThrow('Ambiguous versions')
    expect(() => hot('conditions: {}', '2016-04-08')).toThrow('The template section is invalid: conditions')
    expect(() => hot('outputs: { o: { value: { Ref: a } } }')).toThrow('The function Ref is not supported in this version of HOT.')
  })
})

const awsRefusals: [text: string, words: string][] = [
  ['Parameters: {}', 'Template format error: At least one Resources member must be defined.'],
  [`${one}Extra: 1`, 'Invalid template property or properties [Extra] (Extra, line 2)'],
  ['Resources: { a-b: { Type: T } }', 'Template format error: Resource name a-b is non alphanumeric.'],
  ['Resources: { A: { Properties: {} } }', 'Template format error: [/Resources/A] Every Resources object must contain a Type member.'],
  ['Resources: { A: word }', 'Template format error: Any Resources member must be an object.'],
  ['Resources:\n  A:\n    Type: T\n    Propertys: {}', "Invalid template resource property 'Propertys' (Resources/A/Propertys, line 4)"],
  ['Resources: { A: { Type: T, DeletionPolicy: Keep } }', 'Template format error: Unrecognized DeletionPolicy Keep for resource A'],
  ['Resources: { A: { Type: T, UpdateReplacePolicy: RetainExceptOnCreate } }', 'Unrecognized UpdateReplacePolicy'],
  ['Resources: { A: { Type: T, DeletionPolicy: !If [a, b, c] } }', 'Every DeletionPolicy member must be a string.'],
  ['Resources: { A: { Type: T, Properties: { P: !Nothing x } } }', 'Template format error: Unrecognized resource tag !Nothing'],
  ["Resources: { A: { Type: T, Properties: { P: { 'Fn::Nothing': x } } } }", 'Template error: Fn::Nothing is not a valid function'],
  [`${one}Parameters: { P: { Type: Sting } }`, 'Template format error: Unrecognized parameter type: Sting'],
  [`${one}Parameters: { P: { Default: x } }`, 'Template format error: Every Parameters object must contain a Type member.'],
  [`${one}Parameters: { P-Q: { Type: String } }`, 'Template format error: Parameter name P-Q is non alphanumeric.'],
  [`${one}Parameters: { P: { Type: String, Pattern: x } }`, "Invalid template parameter property 'Pattern'"],
  [`${one}Parameters: { P: { Type: String, MinValue: 1 } }`, 'MinValue and MaxValue are only for parameters of type Number'],
  [`${one}Parameters: { P: { Type: Number, MinLength: 1 } }`, 'MinLength and MaxLength are only for parameters of type String'],
  [`${one}Parameters: { P: { Type: String, AllowedValues: a } }`, 'Every AllowedValues member must be a list.'],
  [`${one}Mappings: { M: { a: b } }`, 'Every Mappings member must be an object of objects.'],
  [`${one}Mappings: { M: { a: { b: { c: d } } } }`, 'Every Mappings attribute must be a String or a List.'],
  [`${one}Outputs: { O: { Description: x } }`, 'Template format error: Every Outputs member must contain a Value object'],
  [`${one}Outputs: { O: { Value: x, Export: x } }`, 'The Name field of every Export member must be specified.'],
  [`${one}Conditions: { C: word }`, 'Template format error: Conditions can only be boolean operations on parameters and other conditions'],
  [`${one}Transform: AWS::Serverless-2016-10-31`, 'Transform AWS::Serverless-2016-10-31 is not supported.'],
  [`${one}Transform: Mine`, 'No transform named Mine found.'],
  [`${one}Description: [a]`, "Template format error: 'Description' must be a string."],
  [`${one}Description: ${'x'.repeat(1025)}`, "Template format error: 'Description' length is greater than 1024."],
  ['Resources: { A: [', 'Template format error: YAML not well-formed. (line 1, column'],
  ['{"Resources": {"A": }', 'Template format error: '],
  ['just words', 'Template format error: unsupported structure.'],
  ['AWSTemplateFormatVersion: "2011"\nResources: { A: { Type: T } }', 'Template format error: unsupported value for AWSTemplateFormatVersion.'],
]

describe('CloudFormation says of a template', () => {
  it.each(awsRefusals)('%s', (text, words) => {
    expect(() => aws(text)).toThrow(TemplateFault)
    expect(() => aws(text)).toThrow(words)
  })
})

describe('parameters', () => {
  const types = hot(`parameters:
  s: { type: string, constraints: [{ length: { min: 2, max: 4 } }, { allowed_pattern: '[a-z]+' }] }
  n: { type: number, default: 4, constraints: [{ range: { min: 1, max: 9 }, description: from one to nine }, { modulo: { step: 2, offset: 0 } }] }
  l: { type: comma_delimited_list, default: 'a,b', constraints: [{ allowed_values: [a, b, c] }] }
  j: { type: json, default: '{"a": [1]}' }
  b: { type: boolean, default: no }
  h: { type: string, hidden: true, default: secret, constraints: [{ length: { max: 8 } }] }
  i: { type: string, immutable: true, default: x }
`)
  const given = async (values: Record<string, Json>) => (await parametersOf(types, { given: { s: 'abc', ...values } })).values
  it('are typed', async () => {
    expect(await given({})).toEqual({ s: 'abc', n: 4, l: ['a', 'b'], j: { a: [1] }, b: false, h: 'secret', i: 'x' })
    expect(await given({ n: '8', l: ['c'], j: '[1]', b: 'on' })).toMatchObject({ n: 8, l: ['c'], j: [1], b: true })
  })
  it('are shown, hidden ones as asterisks', async () => {
    expect((await parametersOf(types, { given: { s: 'abc' } })).shown).toEqual({ s: 'abc', n: '4', l: 'a,b', j: '{"a": [1]}', b: 'False', h: '******', i: 'x' })
    expect(shownAs({ hidden: true, type: 'string', declared: 'String' }, 'x')).toBe('****')
  })
  it.each<[Record<string, Json>, string]>([
    [{ s: 'a' }, "Parameter 's' is invalid: length (1) is out of range (min: 2, max: 4)"], [{ s: 'ABC' }, '"ABC" does not match pattern "[a-z]+"'], [{ s: 'ab1' }, 'does not match pattern'],
    [{ n: 10 }, "Parameter 'n' is invalid: from one to nine"], [{ n: 3 }, '3 is not a multiple of 2 with an offset of 0'], [{ n: 'x' }, "could not convert string to float: 'x'"],
    [{ l: 'a,d' }, '"a,d" is not an allowed value ["a", "b", "c"]'], [{ j: '{' }, 'Value must be valid JSON'], [{ b: 'maybe' }, "Unrecognized value 'maybe'"],
    [{ x: 1 }, 'The Parameter (x) was not defined in template.'], [{ s: null }, 'The Parameter (s) was not provided.'],
  ])('%j are refused', async (values, words) => { await expect(given(values)).rejects.toThrow(words) })
  it('that are hidden are never told, however wrong they are', async () => {
    const secret = 'hunter2-hunter2-hunter2'
    const template = hot(`parameters:
  s: { type: string, hidden: true, constraints: [{ allowed_values: [a] }] }
`)
    for (const make of [() => given({ h: secret }), () => parametersOf(template, { given: { s: secret } }), ...['number', 'boolean', 'json'].map((type) => () => parametersOf(hot(`parameters: { s: { type: ${type}, hidden: true } }`), { given: { s: secret } }))]) {
      const words = await make().then(() => '', (error: Error) => error.message)
      expect(words).not.toBe('')
      expect(words).not.toContain('hunter2')
    }
    const { dialect } = template
    for (const value of [{ list_join: ['-', [{ get_param: 's' }]] }, { list_concat: [[{ get_param: 's' }], { get_param: 's' }] }, { map_merge: [{ get_param: 's' }] }, { yaql: { expression: 'int($.data)', data: { get_param: 's' } } }, { make_url: { port: { get_param: 's' } } }] as Json[]) {
      for (const parameter of [secret, 5551234, { k: secret }]) {
        let words = ''
        try { resolve(value, { dialect, parameters: { s: parameter } }) } catch (error) { words = (error as Error).message }
        expect(words).not.toMatch(/hunter2|5551234/)
      }
    }
  })
  it('whose default is wrong are refused even when another is given', async () => {
    await expect(parametersOf(hot('parameters: { p: { type: string, default: abc, constraints: [{ length: { max: 2 } }] } }'), { given: { p: 'a' } })).rejects.toThrow("Parameter 'p' is invalid: Invalid default abc (length (3) is out of range (min: None, max: 2))")
  })
  it('take the place of one another: given, before, of the environment, of the template', async () => {
    const template = hot('parameters: { p: { type: string, default: d } }')
    const value = async (input: object) => (await parametersOf(template, input)).values.p
    expect(await value({ given: { p: 'g' }, previous: { p: 'p' }, defaults: { p: 'e' } })).toBe('g')
    expect(await value({ previous: { p: 'p' }, defaults: { p: 'e' } })).toBe('p')
    expect(await value({ defaults: { p: 'e', other: 'x' } })).toBe('e')
    expect(await value({})).toBe('d')
  })
  it('that may not change are named when they do', async () => {
    expect(immutableChanges(types, await given({}), await given({ i: 'y', n: 2 }))).toEqual(['i'])
  })
  it('ask who knows about custom constraints', async () => {
    const template = hot('parameters: { p: { type: string, constraints: [{ custom_constraint: nova.flavor }] } }')
    const custom = (constraint: string, value: Json) => value === 'tiny' ? undefined : `${constraint}: no ${String(value)}`
    expect((await parametersOf(template, { given: { p: 'tiny' }, custom })).values).toEqual({ p: 'tiny' })
    await expect(parametersOf(template, { given: { p: 'huge' }, custom })).rejects.toThrow("Parameter 'p' is invalid: nova.flavor: no huge")
  })
  it('of CloudFormation are refused in its words', async () => {
    const template = aws(`${one}Parameters:
  S: { Type: String, MinLength: 2, MaxLength: 3, AllowedPattern: '[a-z]*', Default: ab }
  N: { Type: Number, MinValue: 1, MaxValue: 5, Default: 1 }
  L: { Type: 'List<Number>', Default: '1, 2' }
  C: { Type: String, AllowedValues: [a], ConstraintDescription: only a, Default: a }
  K: { Type: 'AWS::EC2::KeyPair::KeyName', Default: k }
  V: { Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /path }
`)
    const input = { ssm: (name: string) => name === '/path' ? 'x,y' : undefined, custom: (type: string, value: Json) => value === 'k' ? undefined : `${type} ${String(value)} does not exist` }
    expect(await parametersOf(template, input)).toMatchObject({ values: { S: 'ab', N: 1, L: ['1', '2'], V: ['x', 'y'] }, resolved: { V: 'x,y' }, shown: { V: '/path' } })
    for (const [values, words] of [
      [{ S: 'a' }, "Parameter 'S' must contain at least 2 characters"], [{ S: 'abcd' }, "Parameter 'S' must contain at most 3 characters"], [{ S: 'A1' }, "Parameter 'S' must match pattern [a-z]*"],
      [{ N: '0' }, "Parameter 'N' must be a number not less than 1"], [{ N: '6' }, "Parameter 'N' must be a number not greater than 5"], [{ N: 'x' }, "Parameter 'N' must be a number"],
      [{ L: '1,x' }, "Parameter 'L' must be a list of numbers"], [{ C: 'b' }, "Parameter 'C' failed to satisfy constraint: only a"], [{ K: 'q' }, 'AWS::EC2::KeyPair::KeyName q does not exist'],
      [{ V: '/no' }, 'Unable to fetch parameters [/no] from parameter store for this account.'], [{ X: '1' }, 'Parameters: [X] do not exist in the template'],
    ] as [Record<string, Json>, string][]) await expect(parametersOf(template, { given: values, ...input })).rejects.toThrow(words)
    await expect(parametersOf(aws(`${one}Parameters: { A: { Type: String }, B: { Type: String } }`))).rejects.toThrow('Parameters: [A, B] must have values')
  })
})

describe('values', () => {
  it('are unknown as long as what they come from is, and known around it', () => {
    const { dialect } = hot('')
    expect(resolve({ a: { list_join: ['-', [{ get_attr: ['r', 'x'] }, 'b']] }, c: { str_replace: { template: 't', params: {} } } }, { dialect, parameters: {} })).toEqual({ a: UNKNOWN, c: 't' })
    const cfn = aws(one).dialect
    expect(resolve({ 'Fn::Select': [1, [{ Ref: 'V' }, 'known']] }, { dialect: cfn, parameters: {} })).toBe('known')
  })
  it('may take their time, and are asked for once', async () => {
    const { dialect } = hot('')
    let asked = 0
    const attribute = async (name: string) => { asked++; await Promise.resolve(); return `${name}!` }
    expect(await resolveLater({ list_join: ['', [{ get_attr: ['a', 'x'] }, { get_attr: ['b', 'x'] }, { get_attr: ['a', 'x'] }]] }, { dialect, parameters: {}, attribute })).toBe('a!b!a!')
    expect(asked).toBe(2)
  })
  it('come from the parameter store where a text says so', () => {
    const { dialect } = aws(one)
    const dynamic = (service: string, reference: string) => service === 'ssm' && reference === '/a:1' ? 'found' : undefined
    expect(resolve('x-{{resolve:ssm:/a:1}}', { dialect, parameters: {}, dynamic })).toBe('x-found')
    expect(() => resolve('{{resolve:ssm:/b}}', { dialect, parameters: {}, dynamic })).toThrow('Could not resolve dynamic reference: {{resolve:ssm:/b}}')
  })
  it('of YAML are what both peers read', () => {
    const read = (text: string) => hot(`outputs: { o: { value: ${text} } }`).outputs.get('o')!.value
    for (const [text, value] of [['yes', true], ['Off', false], ['y', 'y'], ['0777', 511], ['0x1F', 31], ['1:30', 90], ['2010-09-09', '2010-09-09'], ['1e3', '1e3'], ['1.5', 1.5], ['1_000', 1000], ['~', null], ['"yes"', 'yes'], ['!!str 5', '5'], ['123456789012345678901', '123456789012345678901']] as [string, Json][]) expect(read(text), text).toEqual(value)
    expect(parse('heat_template_version: 2018-08-31\nparameter_groups: []\noutputs:\n  a: &a { value: 1, description: x }\n  b: { <<: *a, value: 2 }\n').outputs.get('b')).toEqual({ name: 'b', value: 2, description: 'x' })
  })
  it('have names of their own in each language', () => {
    const stack = { id: 'i', name: 'n', project: 'p', region: 'r', arn: 'arn:x' }
    expect(pseudoParameters(hot(''), stack)).toMatchObject({ 'OS::stack_id': 'i', 'OS::stack_name': 'n', 'OS::project_id': 'p' })
    expect(pseudoParameters(aws(one), stack)).toMatchObject({ 'AWS::StackId': 'arn:x', 'AWS::StackName': 'n', 'AWS::Region': 'r', 'AWS::AccountId': 'p' })
  })
})
