import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { signer } from '../aws/test-kit.ts'
import { q } from '../kernel/db.ts'
import { stacks } from '../orchestration/test-kit.ts'

/** What others were broken by, on this front. Elsewhere: signatures (functions/aws, functions/ssm), template addresses, other projects' stacks, large and self-multiplying templates (cloudformation.test.ts), signal addresses (orchestration/types/aws), who may do what (tests/contract). */
const k = await stacks(), me = await signer(k.c, k.demo)
const cfn = (action: string, params: Record<string, unknown> = {}) => me.query('cloudformation', '/cloudformation/v1/', action, params)
const template = (resources: object, more: object = {}) => JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: resources, ...more })
const SECRET = 'k33p-m3-hidd3n'

it('XML is never read: entities in a body name no action', async () => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "x"><!ENTITY b SYSTEM "file:///etc/passwd">${'bcdefghij'.split('').map((c, i) => `<!ENTITY ${c}${c} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]><CreateStack><StackName>&b;</StackName></CreateStack>`
  for (const path of ['/cloudformation/v1/', '/sts', '/iam']) {
    const r = await k.c.call('POST', path, { token: k.demo, raw: bomb, headers: { 'content-type': 'text/xml' } })
    expect([r.status, r.text.includes('root:')]).toEqual([400, false])
  }
  expect((await k.c.call('POST', '/ssm', { token: k.demo, raw: bomb, headers: { 'content-type': 'text/xml', 'x-amz-target': 'AmazonSSM.GetParameter' } })).status).toBe(400)
})

describe('what NoEcho hides', () => {
  const parameters = { Password: { Type: 'String', NoEcho: true, MinLength: 3, AllowedPattern: '[a-z0-9-]+', Default: SECRET } }
  it('is in no answer and no line of the story, and not in the rows', async () => {
    const set = await cfn('CreateChangeSet', { StackName: 'hides', ChangeSetName: 'c', ChangeSetType: 'CREATE', Parameters: [{ ParameterKey: 'Password', ParameterValue: `${SECRET}-2` }], TemplateBody: template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: { Ref: 'Password' } } } }, { Parameters: { Password: { ...parameters.Password, Default: 'nothing' } } }) })
    expect(set.status).toBe(200)
    const answers = [await cfn('DescribeChangeSet', { ChangeSetName: 'c', StackName: 'hides', IncludePropertyValues: true }), await cfn('ListChangeSets', { StackName: 'hides' })]
    await cfn('ExecuteChangeSet', { ChangeSetName: 'c', StackName: 'hides' })
    await k.rest()
    for (const [action, more] of [['DescribeStacks', {}], ['DescribeStackEvents', {}], ['DescribeStackResources', {}], ['DescribeStackResource', { LogicalResourceId: 'R' }], ['GetTemplate', {}], ['GetTemplateSummary', {}], ['DetectStackResourceDrift', { LogicalResourceId: 'R' }]] as const) answers.push(await cfn(action, { StackName: 'hides', ...more }))
    for (const a of answers) expect([a.status, a.text.includes(SECRET)]).toEqual([200, false])
    const rows = JSON.stringify(await k.c.db().read([...['stack', 'stack_template', 'stack_event', 'change_set', 'event', 'saga', 'saga_node', 'resource_drift'].map((t) => q.all(sql.raw(`select * from ${t}`)))] as never))
    expect(rows).not.toContain(SECRET)
    await cfn('DeleteStack', { StackName: 'hides' })
    await k.rest()
  }, 30_000)
  it('is not in what refuses it', async () => {
    for (const bad of ['UPPER', 'x']) {
      const r = await cfn('CreateStack', { StackName: 'refused', Parameters: [{ ParameterKey: 'Password', ParameterValue: `${bad}${bad === 'x' ? '' : SECRET}` }], TemplateBody: template({ R: { Type: 'OS::Heat::TestResource' } }, { Parameters: parameters }) })
      expect([r.status, r.text.includes(SECRET)]).toEqual([400, false])
    }
  })
})

describe('what a template says', () => {
  it('is not run, whatever it looks like', async () => {
    const words = ['${process.env.MASTER_SECRET}', '{{constructor.constructor("return 1")()}}', '__proto__', '{{7*7}}', '<%= 7*7 %>']
    await cfn('CreateStack', { StackName: 'inert', TemplateBody: template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: words.join('|') } } }, { Outputs: { Said: { Value: { 'Fn::GetAtt': ['R', 'output'] } }, Own: { Value: words[2] } } }) })
    await k.rest()
    const s = (await cfn('DescribeStacks', { StackName: 'inert' })).body.Stacks.member[0]
    expect(s.StackStatus).toBe('CREATE_COMPLETE')
    expect(s.Outputs.member.find((o: any) => o.OutputKey === 'Said').OutputValue.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>')).toBe(words.join('|'))
    for (const bad of [template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: { 'Fn::Sub': '${process.env.MASTER_SECRET}' } } } }), template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: { 'Fn::Eval': '1+1' } } } }), template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: { 'Fn::GetAtt': ['R2', 'constructor'] } } }, R2: { Type: 'OS::Heat::TestResource' } })]) {
      const r = await cfn('CreateStack', { StackName: 'evil', TemplateBody: bad })
      expect([r.status, r.code]).toEqual([400, 'ValidationError'])
    }
    await cfn('DeleteStack', { StackName: 'inert' })
    await k.rest()
  }, 30_000)
  it('is judged in time that does not explode: patterns, many resources, deep nesting', async () => {
    const began = Date.now()
    const pattern = await cfn('CreateStack', { StackName: 'regex', Parameters: [{ ParameterKey: 'P', ParameterValue: `${'a'.repeat(5000)}!` }], TemplateBody: template({ R: { Type: 'OS::Heat::TestResource' } }, { Parameters: { P: { Type: 'String', AllowedPattern: '^(a+)+$' } } }) })
    expect(pattern.status).toBe(400)
    const many = await cfn('ValidateTemplate', { TemplateBody: `{"Resources":{${Array.from({ length: 900 }, (_, i) => `"R${i}":{"Type":"OS::Heat::None"}`).join(',')}}}` })
    expect([many.status, many.code]).toEqual([400, 'ValidationError'])
    const deep = await cfn('ValidateTemplate', { TemplateBody: `{"Resources":{"R":{"Type":"OS::Heat::TestResource","Properties":{"value":${'['.repeat(5000)}${']'.repeat(5000)}}}}}` })
    expect([deep.status, deep.code]).toEqual([400, 'ValidationError'])
    expect(Date.now() - began).toBeLessThan(5000)
  }, 20_000)
})
