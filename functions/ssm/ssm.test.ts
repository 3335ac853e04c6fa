import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import { signer, type Signer } from '../aws/test-kit.ts'

let c: Cloud, demo: string, me: Signer, other: Signer
beforeAll(async () => { c = await cloud(); demo = await c.demo(); me = await signer(c, demo); other = await signer(c, await c.admin()) })
const ssm = (who: Signer, action: string, body: object) => who.json('ssm', '/ssm', `AmazonSSM.${action}`, body)
const whoami = (who: Signer, o = {}, path = '/sts') => who.query('sts', path, 'GetCallerIdentity', { Version: '2011-06-15' }, o)

describe('who signed', () => {
  it('is told in one read', async () => {
    const r = await whoami(me)
    expect([r.status, r.body, r.trips.split(' ')[0]]).toEqual([200, { Arn: `arn:aws:iam::${me.who.project.id}:user/demo`, UserId: me.who.user.id, Account: me.who.project.id }, '1r'])
    expect(r.headers.get('x-amzn-requestid')).toMatch(/^req-/)
    expect((await whoami(me, { region: 'us-east-1' }, '/sts/')).status).toBe(200)
  })
  it('is asked of everybody', async () => {
    const r = await c.call('POST', '/sts', { raw: 'Action=GetCallerIdentity', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect([r.status, r.text.includes('<Code>MissingAuthenticationToken</Code>'), r.headers.get('content-type')]).toEqual([403, true, 'text/xml'])
  })
  it('is nobody with a wrong secret, an unknown key, another region, or for what there is not', async () => {
    expect((await whoami(me, { secret: 'x' })).code).toBe('SignatureDoesNotMatch')
    expect((await whoami(me, { region: 'eu-west-1' })).code).toBe('SignatureDoesNotMatch')
    expect((await me.query('sts', '/sts', 'AssumeRole', { RoleArn: 'x' })).code).toBe('InvalidAction')
    expect((await me.query('sts', '/sts', 'GetCallerIdentity', { Version: '2000-01-01' })).code).toBe('InvalidAction')
  })
  it('may do nothing any more once the role or the key is gone', async () => {
    const admin = await c.admin(), user = (await c.call('POST', '/identity/v3/users', { token: admin, body: { user: { name: 'brief', password: 'a-long-password', domain_id: 'default' } } })).body.user.id
    const role = (await c.call('GET', '/identity/v3/roles?name=member', { token: admin })).body.roles[0].id, grant = `/identity/v3/projects/${me.who.project.id}/users/${user}/roles/${role}`
    await c.call('PUT', grant, { token: admin })
    const who = await signer(c, await c.login('brief', 'a-long-password', 'demo'))
    expect((await whoami(who)).status).toBe(200)
    await c.call('DELETE', grant, { token: admin })
    expect((await whoami(who)).code).toBe('InvalidClientTokenId')
    await c.call('PUT', grant, { token: admin })
    await c.call('PATCH', `/identity/v3/users/${user}`, { token: admin, body: { user: { enabled: false } } })
    expect((await whoami(who)).code).toBe('InvalidClientTokenId')
    await c.call('DELETE', `/identity/v3/users/${user}`, { token: admin })
    expect((await whoami(who)).code).toBe('InvalidClientTokenId')
  })
})

describe('a signature', () => {
  const put = async (name: string) => { const text = JSON.stringify({ Name: name, Value: 'v', Type: 'String', Overwrite: true }); return { text, request: await me.sign('ssm', '/ssm', { body: text, headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.PutParameter' } }) } }
  it('is good once, however it comes again', async () => {
    const { text, request } = await put('once')
    expect((await me.send(request, text)).status).toBe(200)
    for (const id of ['', 'another-invocation']) {
      if (id) request.headers.set('amz-sdk-invocation-id', id)
      const again = await me.send(request, text)
      expect([again.status, again.code, again.message]).toEqual([403, 'SignatureDoesNotMatch', expect.stringContaining('used before')])
    }
    expect((await ssm(me, 'GetParameter', { Name: 'once' })).body.Parameter.Version).toBe(1)
  })
  it('that only reads is not taken twice either, unless two asked in the same second', async () => {
    const text = 'Action=GetCallerIdentity', r = await me.sign('sts', '/sts', { body: text, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    for (const id of ['', 'one', 'the-other-one']) {
      if (id) r.headers.set('amz-sdk-invocation-id', id)
      expect((await me.send(r, text)).status).toBe(200)
    }
    expect((await me.send(r, text)).code).toBe('SignatureDoesNotMatch')
    await new Promise((done) => setTimeout(done, 2100))
    r.headers.set('amz-sdk-invocation-id', 'a-third')
    expect((await me.send(r, text)).code).toBe('SignatureDoesNotMatch')
  })
  it('in a link is good once as well', async () => {
    const r = await me.sign('sts', '/sts?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60', { method: 'GET' }, { query: true })
    expect((await me.send(r)).status).toBe(200)
    await new Promise((done) => setTimeout(done, 2100))
    expect((await me.send(r)).code).toBe('SignatureDoesNotMatch')
  })
})

describe('parameters', () => {
  it('have versions, types and paths; secure ones do not lie readable', async () => {
    expect((await ssm(me, 'PutParameter', { Name: '/cdk-bootstrap/hnb659fds/version', Value: '21', Type: 'String' })).body).toEqual({ Version: 1, Tier: 'Standard' })
    expect((await ssm(me, 'PutParameter', { Name: '/cdk-bootstrap/hnb659fds/version', Value: '22', Type: 'String' })).code).toBe('ParameterAlreadyExists')
    expect((await ssm(me, 'PutParameter', { Name: '/cdk-bootstrap/hnb659fds/version', Value: '22', Overwrite: true })).body.Version).toBe(2)
    const at = async (n: string) => (await ssm(me, 'GetParameter', { Name: n })).body.Parameter?.Value
    expect([await at('/cdk-bootstrap/hnb659fds/version'), await at('/cdk-bootstrap/hnb659fds/version:1')]).toEqual(['22', '21'])
    expect((await ssm(me, 'GetParameter', { Name: '/cdk-bootstrap/hnb659fds/version:9' })).code).toBe('ParameterVersionNotFound')
    await ssm(me, 'PutParameter', { Name: '/cdk-bootstrap/secret', Value: 'hush', Type: 'SecureString' })
    expect((await ssm(me, 'GetParameter', { Name: '/cdk-bootstrap/secret' })).text).not.toContain('hush')
    expect((await ssm(me, 'GetParameter', { Name: '/cdk-bootstrap/secret', WithDecryption: true })).body.Parameter.Value).toBe('hush')
    expect((await ssm(me, 'GetParametersByPath', { Path: '/cdk-bootstrap' })).body.Parameters.map((p: any) => p.Name)).toEqual(['/cdk-bootstrap/secret'])
    const first = (await ssm(me, 'GetParametersByPath', { Path: '/cdk-bootstrap/', Recursive: true, MaxResults: 1 })).body
    expect((await ssm(me, 'GetParametersByPath', { Path: '/cdk-bootstrap/', Recursive: true, MaxResults: 1, NextToken: first.NextToken })).body).toMatchObject({ Parameters: [{ Name: '/cdk-bootstrap/secret' }] })
    expect((await ssm(me, 'DescribeParameters', { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/cdk'] }] })).body.Parameters).toHaveLength(2)
    expect((await ssm(me, 'GetParameters', { Names: ['once', 'none'] })).body).toMatchObject({ Parameters: [{ Name: 'once' }], InvalidParameters: ['none'] })
  })
  it('of another project are not there', async () => {
    await ssm(other, 'PutParameter', { Name: 'theirs', Value: 'x', Type: 'String' })
    expect((await ssm(me, 'GetParameter', { Name: 'theirs' })).code).toBe('ParameterNotFound')
    expect((await ssm(me, 'DeleteParameters', { Names: ['theirs'] })).body).toEqual({ DeletedParameters: [], InvalidParameters: ['theirs'] })
    expect((await ssm(other, 'DeleteParameter', { Name: 'theirs' })).status).toBe(200)
  })
  it.each([[{ Name: 'a b', Value: 'x', Type: 'String' }, 'ValidationException'], [{ Name: 'aws/x', Value: 'x', Type: 'String' }, 'ValidationException'], [{ Name: 'big', Value: 'x'.repeat(4097), Type: 'String' }, 'ValidationException'], [{ Name: 'n', Value: 'x' }, 'ValidationException'],
    [{ Name: 'n', Value: 'x', Type: 'Number' }, 'ValidationException'], [{ Name: 'n', Value: 'x', Type: 'String', Nope: 1 }, 'ValidationException'], [{ Value: 'x' }, 'ValidationException']])('refuses %j', async (body, code) => {
    const r = await ssm(me, 'PutParameter', body)
    expect([r.status, r.code]).toEqual([400, code])
  })
})

it('access keys are made, listed and deleted by whom they are of', async () => {
  const iam = (action: string, params = {}) => me.query('iam', '/iam', action, { Version: '2010-05-08', ...params })
  expect((await iam('GetUser')).body.User).toMatchObject({ UserName: 'demo', UserId: me.who.user.id })
  const made = (await iam('CreateAccessKey')).body.AccessKey
  expect((await iam('ListAccessKeys', { UserName: 'demo' })).body.AccessKeyMetadata.member.map((k: any) => k.AccessKeyId).sort()).toEqual([me.key.access, made.AccessKeyId].sort())
  expect((await iam('ListAccessKeys', { UserName: 'admin' })).code).toBe('NoSuchEntity')
  expect((await iam('DeleteAccessKey', { AccessKeyId: other.key.access })).code).toBe('NoSuchEntity')
  expect((await iam('DeleteAccessKey', { AccessKeyId: made.AccessKeyId })).status).toBe(200)
  expect((await iam('DeleteAccessKey', { AccessKeyId: made.AccessKeyId })).code).toBe('NoSuchEntity')
})
