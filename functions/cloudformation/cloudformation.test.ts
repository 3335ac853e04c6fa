import { describe, expect, it } from 'vitest'
import { signer, type Signer } from '../aws/test-kit.ts'
import { idempotency } from '../../schema/kernel.ts'
import { q } from '../kernel/db.ts'
import { stacks } from '../orchestration/test-kit.ts'

const k = await stacks(), me = await signer(k.c, k.demo), other = await signer(k.c, k.admin)
const cfn = (action: string, params: Record<string, unknown> = {}, who: Signer = me) => who.query('cloudformation', '/cloudformation/v1/', action, params)
const ok = async (action: string, params: Record<string, unknown> = {}) => { const r = await cfn(action, params); if (r.status !== 200) throw new Error(`${action}: ${r.status} ${r.text}`); return r.body }
const template = (resources: object, more: object = {}) => JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: resources, ...more })
const words = template({ R: { Type: 'OS::Heat::RandomString', Properties: { length: { Ref: 'Length' } } } }, { Parameters: { Length: { Type: 'String', Default: '9' }, Secret: { Type: 'String', NoEcho: true, Default: 'hush-hush' } }, Outputs: { Rand: { Value: { 'Fn::GetAtt': ['R', 'value'] }, Export: { Name: 'shared-word' } } } })
const stack = async (name: string) => (await ok('DescribeStacks', { StackName: name })).Stacks.member[0]

describe('a stack', () => {
  it('is created, shown, changed and deleted, in AWS\'s words', async () => {
    const made = await cfn('CreateStack', { StackName: 'first', TemplateBody: words, Parameters: [{ ParameterKey: 'Length', ParameterValue: '11' }], Tags: [{ Key: 'team', Value: 'blue' }], ClientRequestToken: 'tok-1' })
    expect([made.status, made.body.StackId]).toEqual([200, expect.stringMatching(/^arn:aws:cloudformation:RegionOne:[0-9a-f]{32}:stack\/first\/[0-9a-f-]{36}$/)])
    // The same under the same token is the same; something else is refused; without one the name is taken.
    expect((await cfn('CreateStack', { StackName: 'first', TemplateBody: words, Parameters: [{ ParameterKey: 'Length', ParameterValue: '11' }], Tags: [{ Key: 'team', Value: 'blue' }], ClientRequestToken: 'tok-1' })).body.StackId).toBe(made.body.StackId)
    expect((await cfn('CreateStack', { StackName: 'first', TemplateBody: words, ClientRequestToken: 'tok-1' })).code).toBe('TokenAlreadyExistsException')
    expect((await cfn('CreateStack', { StackName: 'first', TemplateBody: words })).code).toBe('AlreadyExistsException')
    await k.rest()
    const s = await stack('first')
    expect(s).toMatchObject({ StackStatus: 'CREATE_COMPLETE', Tags: { member: [{ Key: 'team', Value: 'blue' }] }, EnableTerminationProtection: 'false', Outputs: { member: [{ OutputKey: 'Rand', OutputValue: expect.stringMatching(/^.{11}$/), ExportName: 'shared-word' }] } })
    expect((await cfn('DescribeStacks', { StackName: 'first' })).text).not.toContain('hush-hush')
    expect((await ok('DescribeStacks', { StackName: made.body.StackId })).Stacks.member).toHaveLength(1)
    expect((await ok('ListStacks', { StackStatusFilter: ['CREATE_COMPLETE'] })).StackSummaries.member.map((x: any) => x.StackName)).toContain('first')
    expect((await ok('ListStackResources', { StackName: 'first' })).StackResourceSummaries.member).toMatchObject([{ LogicalResourceId: 'R', ResourceStatus: 'CREATE_COMPLETE', ResourceType: 'OS::Heat::RandomString' }])
    expect((await ok('DescribeStackResource', { StackName: 'first', LogicalResourceId: 'R' })).StackResourceDetail.StackName).toBe('first')
    expect((await ok('DescribeStackResources', { StackName: 'first' })).StackResources.member).toHaveLength(1)
    const events = (await ok('DescribeStackEvents', { StackName: 'first' })).StackEvents.member
    expect(events[0]).toMatchObject({ ResourceStatus: 'CREATE_COMPLETE', ResourceType: 'AWS::CloudFormation::Stack', ClientRequestToken: 'tok-1' })
    expect((await ok('GetTemplate', { StackName: 'first' })).TemplateBody.replaceAll('&quot;', '"')).toBe(words)
    expect((await ok('ListExports')).Exports.member).toMatchObject([{ Name: 'shared-word' }])
    expect((await cfn('UpdateStack', { StackName: 'first', UsePreviousTemplate: true, Parameters: [{ ParameterKey: 'Length', UsePreviousValue: true }] })).message).toBe('No updates are to be performed.')
    await ok('UpdateStack', { StackName: 'first', UsePreviousTemplate: true, Parameters: [{ ParameterKey: 'Length', ParameterValue: '20' }] })
    expect((await cfn('UpdateStack', { StackName: 'first', UsePreviousTemplate: true, Parameters: [{ ParameterKey: 'Length', ParameterValue: '21' }] })).code).toBe('ValidationError')
    await k.rest()
    expect(await stack('first')).toMatchObject({ StackStatus: 'UPDATE_COMPLETE', Outputs: { member: [{ OutputValue: expect.stringMatching(/^.{20}$/) }] } })
    // What another imports stays.
    await ok('CreateStack', { StackName: 'second', TemplateBody: template({ R: { Type: 'OS::Heat::TestResource', Properties: { value: { 'Fn::ImportValue': 'shared-word' } } } }) })
    await k.rest()
    expect((await ok('ListImports', { ExportName: 'shared-word' })).Imports.member).toEqual(['second'])
    expect((await cfn('DeleteStack', { StackName: 'first' })).message).toMatch(/in use by second/)
    await ok('DeleteStack', { StackName: 'second' })
    await k.rest()
    await ok('UpdateTerminationProtection', { StackName: 'first', EnableTerminationProtection: true })
    expect((await cfn('DeleteStack', { StackName: 'first' })).message).toMatch(/TerminationProtection/)
    await ok('UpdateTerminationProtection', { StackName: 'first', EnableTerminationProtection: false })
    await ok('DeleteStack', { StackName: 'first' })
    await k.rest()
    expect((await cfn('DescribeStacks', { StackName: 'first' }))).toMatchObject({ status: 400, code: 'ValidationError', message: 'Stack with id first does not exist' })
    expect((await stack(made.body.StackId)).StackStatus).toBe('DELETE_COMPLETE')
    expect((await cfn('DeleteStack', { StackName: 'first' })).status).toBe(200)
  }, 60_000)

  it('that fails goes back; one that is to be kept as it is can be rolled back later', async () => {
    const bad = template({ A: { Type: 'OS::Heat::RandomString' }, B: { Type: 'OS::Heat::TestResource', DependsOn: 'A', Properties: { fail: true } } })
    await ok('CreateStack', { StackName: 'bad', TemplateBody: bad })
    await k.rest()
    expect((await stack('bad')).StackStatus).toBe('ROLLBACK_COMPLETE')
    await ok('CreateStack', { StackName: 'worse', TemplateBody: bad, OnFailure: 'DO_NOTHING' })
    await k.rest()
    expect((await stack('worse')).StackStatus).toBe('CREATE_FAILED')
    await ok('RollbackStack', { StackName: 'worse' })
    await k.rest()
    expect((await stack('worse')).StackStatus).toBe('ROLLBACK_COMPLETE')
    await ok('CreateStack', { StackName: 'fleeting', TemplateBody: bad, OnFailure: 'DELETE' })
    await k.rest()
    expect((await cfn('DescribeStacks', { StackName: 'fleeting' })).code).toBe('ValidationError')
    await ok('CreateStack', { StackName: 'turns', TemplateBody: template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'one' } } }) })
    await k.rest()
    await ok('UpdateStack', { StackName: 'turns', TemplateBody: template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'two' } }, B: { Type: 'OS::Heat::TestResource', DependsOn: 'A', Properties: { fail: true } } }) })
    await k.rest()
    expect(await stack('turns')).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE' })
    for (const n of ['bad', 'worse', 'turns']) await ok('DeleteStack', { StackName: n })
    await k.rest()
  }, 60_000)

  it('of another project is not there, by name or by ARN', async () => {
    const { StackId } = await ok('CreateStack', { StackName: 'mine', TemplateBody: words })
    await k.rest()
    for (const name of ['mine', StackId, StackId.split('/').at(-1)]) for (const action of ['DescribeStacks', 'GetTemplate', 'DescribeStackEvents', 'ListStackResources', 'UpdateTerminationProtection', 'GetStackPolicy']) {
      const r = await cfn(action, { StackName: name, ...(action === 'UpdateTerminationProtection' ? { EnableTerminationProtection: true } : {}) }, other)
      expect([action, r.code]).toEqual([action, 'ValidationError'])
    }
    await cfn('DeleteStack', { StackName: StackId }, other)
    await k.rest()
    expect((await stack('mine')).StackStatus).toBe('CREATE_COMPLETE')
    await ok('DeleteStack', { StackName: 'mine' })
    await k.rest()
  })
})

describe('a change set', () => {
  it('says what would be done, and does it; one without changes fails', async () => {
    const one = template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'one' } }, B: { Type: 'OS::Heat::RandomString' } })
    const set = await ok('CreateChangeSet', { StackName: 'sets', ChangeSetName: 'make', ChangeSetType: 'CREATE', TemplateBody: one })
    expect((await stack('sets')).StackStatus).toBe('REVIEW_IN_PROGRESS')
    const d = await ok('DescribeChangeSet', { ChangeSetName: set.Id })
    expect(d).toMatchObject({ Status: 'CREATE_COMPLETE', ExecutionStatus: 'AVAILABLE' })
    expect(d.Changes.member.map((c: any) => [c.ResourceChange.Action, c.ResourceChange.LogicalResourceId])).toEqual([['Add', 'A'], ['Add', 'B']])
    await ok('ExecuteChangeSet', { ChangeSetName: 'make', StackName: 'sets', ClientRequestToken: 'exec-1' })
    await k.rest()
    expect((await stack('sets')).StackStatus).toBe('CREATE_COMPLETE')
    expect((await cfn('ExecuteChangeSet', { ChangeSetName: 'make', StackName: 'sets' })).code).toBe('InvalidChangeSetStatus')
    await ok('CreateChangeSet', { StackName: 'sets', ChangeSetName: 'idle', TemplateBody: one })
    expect(await ok('DescribeChangeSet', { ChangeSetName: 'idle', StackName: 'sets' })).toMatchObject({ Status: 'FAILED', StatusReason: expect.stringContaining("didn't contain changes"), ExecutionStatus: 'UNAVAILABLE' })
    await ok('CreateChangeSet', { StackName: 'sets', ChangeSetName: 'more', TemplateBody: template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'two' } }, C: { Type: 'OS::Heat::RandomString' } }) })
    const more = (await ok('DescribeChangeSet', { ChangeSetName: 'more', StackName: 'sets' })).Changes.member.map((c: any) => [c.ResourceChange.Action, c.ResourceChange.LogicalResourceId, c.ResourceChange.Replacement])
    expect(more).toEqual([['Modify', 'A', 'False'], ['Add', 'C', undefined], ['Remove', 'B', undefined]])
    expect((await ok('ListChangeSets', { StackName: 'sets' })).Summaries.member.map((x: any) => [x.ChangeSetName, x.ExecutionStatus])).toEqual([['more', 'AVAILABLE'], ['idle', 'UNAVAILABLE'], ['make', 'EXECUTE_COMPLETE']])
    await ok('SetStackPolicy', { StackName: 'sets', StackPolicyBody: JSON.stringify({ Statement: [{ Effect: 'Deny', Action: 'Update:*', Principal: '*', Resource: 'LogicalResourceId/A' }, { Effect: 'Allow', Action: 'Update:*', Principal: '*', Resource: '*' }] }) })
    expect((await cfn('UpdateStack', { StackName: 'sets', TemplateBody: template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'two' } } }) })).message).toMatch(/denied by stack policy/)
    await ok('ExecuteChangeSet', { ChangeSetName: 'more', StackName: 'sets' })
    await k.rest()
    expect((await stack('sets')).StackStatus).toBe('UPDATE_COMPLETE')
    expect((await cfn('CreateChangeSet', { StackName: 'sets', ChangeSetName: 'import', ChangeSetType: 'IMPORT', TemplateBody: one })).message).toMatch(/not supported/)
    expect((await cfn('DescribeChangeSet', { ChangeSetName: 'none', StackName: 'sets' }))).toMatchObject({ status: 404, code: 'ChangeSetNotFound' })
    await ok('DeleteChangeSet', { ChangeSetName: 'idle', StackName: 'sets' })
    await ok('DeleteStack', { StackName: 'sets' })
    await k.rest()
  }, 60_000)
})

it('a token is remembered for a while, and of two that come at once one acts', async () => {
  const ask = { StackName: 'twice', TemplateBody: template({ R: { Type: 'OS::Heat::None' } }), ClientRequestToken: 'twice-1' }
  const [a, b] = await Promise.all([cfn('CreateStack', ask), cfn('CreateStack', ask)])
  expect([a.status, b.status, a.body.StackId === b.body.StackId]).toEqual([200, 200, true])
  await k.rest()
  await ok('DeleteStack', { StackName: 'twice' })
  await k.rest()
  await k.c.db().write([q.update(idempotency).set({ expiresAt: 1 })])
  const again = await ok('CreateStack', ask)
  expect(again.StackId).not.toBe(a.body.StackId)
  await k.rest()
  await ok('DeleteStack', { StackName: 'twice' })
  await k.rest()
}, 60_000)

describe('a template', () => {
  it('is checked and summed up', async () => {
    expect(await ok('ValidateTemplate', { TemplateBody: words })).toMatchObject({ Parameters: { member: [{ ParameterKey: 'Length', DefaultValue: '9', NoEcho: 'false' }, { ParameterKey: 'Secret', DefaultValue: '****', NoEcho: 'true' }] } })
    expect(await ok('GetTemplateSummary', { TemplateBody: words })).toMatchObject({ ResourceTypes: { member: ['OS::Heat::RandomString'] }, Version: '2010-09-09' })
    expect((await ok('EstimateTemplateCost', { TemplateBody: words })).Url).toMatch(/^http/)
    const iam = template({ U: { Type: 'AWS::IAM::User' } })
    expect(await ok('ValidateTemplate', { TemplateBody: iam })).toMatchObject({ Capabilities: { member: ['CAPABILITY_IAM'] } })
    expect((await cfn('CreateStack', { StackName: 'iam', TemplateBody: iam })).code).toBe('InsufficientCapabilitiesException')
  })
  it.each([
    ['no JSON or YAML', '{', /Template/i], ['an unknown type', template({ R: { Type: 'AWS::No::Such' } }), /Unrecognized resource types: \[AWS::No::Such\]/], ['a circle', template({ A: { Type: 'OS::Heat::TestResource', DependsOn: 'B' }, B: { Type: 'OS::Heat::TestResource', DependsOn: 'A' } }), /[Cc]ircular/],
    ['an unknown reference', template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: { Ref: 'Nope' } } } }), /Nope/], ['too long', template({ A: { Type: 'OS::Heat::TestResource', Properties: { value: 'x'.repeat(60_000) } } }), /51200/],
    ['an alias bomb', `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`).join('\n')}\nResources: {}`, /./],
  ])('that has %s is refused with words', async (_, body, says) => {
    const began = Date.now()
    for (const action of ['ValidateTemplate', 'CreateStack']) {
      const r = await cfn(action, { TemplateBody: body, ...(action === 'CreateStack' ? { StackName: 'never' } : {}) })
      expect([r.status, r.code]).toEqual([400, 'ValidationError'])
      expect(r.message).toMatch(says)
    }
    expect(Date.now() - began).toBeLessThan(5000)
  })
  it('of fifty megabytes is refused at once', async () => {
    const began = Date.now(), r = await k.c.call('POST', '/cloudformation/v1/', { token: k.demo, raw: `Action=ValidateTemplate&TemplateBody=${'x'.repeat(50_000_000)}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect([r.status, r.text.includes('<Code>RequestEntityTooLarge</Code>')]).toEqual([413, true])
    expect(Date.now() - began).toBeLessThan(5000)
  })
  it.each(['http://169.254.169.254/latest/meta-data', 'file:///etc/passwd', 'http://localhost:8080/x', 'http://[::1]/x', 'http://0x7f000001/', 'https://s3.amazonaws.com/b/k', 'not an address', 'STORE/virga/images/x', 'STORE/virga/templates/OTHER/x', 'STORE/virga/templates/MINE/../../images/x', 'STORE/virga/templates/MINE/%2e%2e/%2e%2e/images/x', 'STORE@evil/virga/templates/MINE/x'])('is not read from %s', async (url) => {
    const TemplateURL = url.replace('STORE', k.c.env.S3_URL).replace('MINE', k.project).replace('OTHER', 'f'.repeat(32))
    expect(await cfn('ValidateTemplate', { TemplateURL })).toMatchObject({ status: 400, code: 'ValidationError', message: expect.stringMatching(/must reference a valid S3 object|may not be fetched from|must be an http or https address/) })
  })
})

it('types, limits and drift are told', async () => {
  expect(JSON.parse((await ok('DescribeType', { Type: 'RESOURCE', TypeName: 'AWS::EC2::Instance' })).Schema.replaceAll('&quot;', '"')).properties).toHaveProperty('ImageId')
  expect((await cfn('DescribeType', { Type: 'RESOURCE', TypeName: 'AWS::No::Such' })).code).toBe('TypeNotFoundException')
  expect((await ok('ListTypes', { Filters: { TypeNamePrefix: 'AWS::EC2' } })).TypeSummaries.member.length).toBeGreaterThan(15)
  expect((await ok('DescribeAccountLimits')).AccountLimits.member.length).toBeGreaterThan(2)
  await ok('CreateStack', { StackName: 'drifts', TemplateBody: template({ G: { Type: 'AWS::EC2::SecurityGroup', Properties: { GroupDescription: 'here' } } }) })
  await k.rest()
  const look = async () => (await ok('DescribeStackDriftDetectionStatus', { StackDriftDetectionId: (await ok('DetectStackDrift', { StackName: 'drifts' })).StackDriftDetectionId })).StackDriftStatus
  expect(await look()).toBe('IN_SYNC')
  const id = (await ok('DescribeStackResource', { StackName: 'drifts', LogicalResourceId: 'G' })).StackResourceDetail.PhysicalResourceId
  await k.c.call('PUT', `/network/v2.0/security-groups/${id}`, { token: k.demo, body: { security_group: { description: 'elsewhere' } } })
  expect(await look()).toBe('DRIFTED')
  expect((await ok('DescribeStackResourceDrifts', { StackName: 'drifts' })).StackResourceDrifts.member).toMatchObject([{ StackResourceDriftStatus: 'MODIFIED', PropertyDifferences: { member: [{ PropertyPath: '/GroupDescription', ExpectedValue: 'here', ActualValue: 'elsewhere' }] } }])
  await k.c.call('DELETE', `/network/v2.0/security-groups/${id}`, { token: k.demo })
  expect((await ok('DetectStackResourceDrift', { StackName: 'drifts', LogicalResourceId: 'G' })).StackResourceDrift.StackResourceDriftStatus).toBe('DELETED')
  await ok('DeleteStack', { StackName: 'drifts' })
  await k.rest()
})
