import { describe, expect, it } from 'vitest'
import { checkRules, parametersOf, parse } from '../index.ts'

const run = async (rules: string, given: Record<string, string> = {}, parameterAttribute?: (name: string, attribute: string) => string) => {
  const template = parse(`Parameters:
  Env: { Type: String, Default: prod }
  Size: { Type: String, Default: large }
  Nets: { Type: 'List<AWS::EC2::Subnet::Id>', Default: 's1,s2' }
  Vpc: { Type: 'AWS::EC2::VPC::Id', Default: v1 }
Rules:
${rules}
Resources: { V: { Type: AWS::EC2::Volume } }
`, { front: 'aws' })
  const { values } = await parametersOf(template, { given })
  return checkRules(template, { parameters: values, parameterAttribute })
}
const rule = (assert: string, condition?: string) => `  R:\n${condition ? `    RuleCondition: ${condition}\n` : ''}    Assertions: [{ Assert: ${assert}, AssertDescription: not so }]\n`

describe('Rules', () => {
  it('let pass what is true and refuse with the description what is not', async () => {
    await run(rule('{ "Fn::Contains": [[large, small], !Ref Size] }'))
    await expect(run(rule('{ "Fn::Contains": [[small], !Ref Size] }'))).rejects.toThrow('Template validation error: not so (Rules/R/Assertions/0/Assert, line 8)')
  })
  it('count only when their condition holds', async () => {
    await run(rule('{ "Fn::Contains": [[small], !Ref Size] }', '!Equals [!Ref Env, test]'))
    await expect(run(rule('{ "Fn::Contains": [[small], !Ref Size] }', '!Equals [!Ref Env, test]'), { Env: 'test' })).rejects.toThrow('not so')
  })
  it('look at members, at all of a type, and at attributes', async () => {
    await run(rule('{ "Fn::EachMemberIn": [!Ref Nets, [s1, s2, s3]] }'))
    await run(rule('{ "Fn::EachMemberIn": [{ "Fn::RefAll": "AWS::EC2::Subnet::Id" }, [s1, s2]] }'))
    await expect(run(rule('{ "Fn::EachMemberEquals": [{ "Fn::RefAll": "AWS::EC2::Subnet::Id" }, s1] }'))).rejects.toThrow('not so')
    await run(rule('{ "Fn::EachMemberEquals": [{ "Fn::ValueOf": [Nets, VpcId] }, !Ref Vpc] }'), {}, () => ['v1', 'v1'] as never)
    await expect(run(rule('{ "Fn::EachMemberEquals": [{ "Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", VpcId] }, !Ref Vpc] }'), {}, () => ['v1', 'v2'] as never)).rejects.toThrow('not so')
    await run(rule('{ "Fn::Not": [{ "Fn::And": [!Equals [a, a], { "Fn::Or": [!Equals [a, b], !Equals [b, c]] }] }] }'))
  })
  it('refuse functions of elsewhere and wrong shapes', async () => {
    await expect(run(rule('{ "Fn::Sub": x }'))).rejects.toThrow('Fn::Sub is not a function that Rules may use')
    await expect(run(rule('{ "Fn::Contains": [a] }'))).rejects.toThrow('every Fn::Contains object in Rules requires')
    await expect(run('  R: { Assertions: [] }')).rejects.toThrow('must contain an Assertions member')
  })
})
