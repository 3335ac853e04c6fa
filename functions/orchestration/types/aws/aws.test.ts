import { describe, expect, it } from 'vitest'
import { signer } from '../../../aws/test-kit.ts'
import { stacks } from '../../test-kit.ts'

const k = await stacks(), me = await signer(k.c, k.demo)
const cfn = (action: string, params: Record<string, unknown> = {}) => me.query('cloudformation', '/cloudformation/v1/', action, params)
const text = (resources: object, more: object = {}) => JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: resources, ...more })
const CAN = ['CAPABILITY_NAMED_IAM']
async function turn(action: 'CreateStack' | 'UpdateStack', name: string, resources: object, outputs: Record<string, unknown> = {}, more: object = {}) {
  const r = await cfn(action, { StackName: name, TemplateBody: text(resources, { Outputs: Object.fromEntries(Object.entries(outputs).map(([n, Value]) => [n, { Value }])) }), Capabilities: CAN, ...more })
  if (r.status !== 200) throw new Error(`${action}: ${r.text}`)
  await k.rest()
  return look(name)
}
async function look(name: string) {
  const r = await cfn('DescribeStacks', { StackName: name }), s = r.body.Stacks?.member[0]
  const events = (await cfn('DescribeStackEvents', { StackName: name })).body.StackEvents.member as any[]
  return { status: s?.StackStatus as string, out: Object.fromEntries((s?.Outputs?.member ?? []).map((o: any) => [o.OutputKey, o.OutputValue])) as Record<string, string>, why: events.filter((e) => /FAILED/.test(e.ResourceStatus)).map((e) => `${e.LogicalResourceId}: ${e.ResourceStatusReason}`), events }
}
async function remove(name: string) {
  const id = (await cfn('DescribeStacks', { StackName: name })).body.Stacks.member[0].StackId
  await cfn('DeleteStack', { StackName: name })
  await k.rest()
  return (await cfn('DescribeStacks', { StackName: id })).body.Stacks.member[0].StackStatus
}
const api = async (path: string) => (await k.c.call('GET', path, { token: k.demo })).body
const ref = (Ref: string) => ({ Ref }), att = (...a: string[]) => ({ 'Fn::GetAtt': a })

const vpc = {
  Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.90.0.0/16', Tags: [{ Key: 'Name', Value: 'mine' }] } }, Igw: { Type: 'AWS::EC2::InternetGateway' },
  Attach: { Type: 'AWS::EC2::VPCGatewayAttachment', Properties: { VpcId: ref('Vpc'), InternetGatewayId: ref('Igw') } }, Subnet: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: ref('Vpc'), CidrBlock: '10.90.1.0/24', MapPublicIpOnLaunch: true } },
  Table: { Type: 'AWS::EC2::RouteTable', Properties: { VpcId: ref('Vpc') } }, Route: { Type: 'AWS::EC2::Route', Properties: { RouteTableId: ref('Table'), DestinationCidrBlock: '0.0.0.0/0', GatewayId: ref('Igw') } },
  Assoc: { Type: 'AWS::EC2::SubnetRouteTableAssociation', Properties: { RouteTableId: ref('Table'), SubnetId: ref('Subnet') } },
}
const image = { ImageId: 'tiny', InstanceType: 'm1.nano' }

describe('EC2', () => {
  it('a VPC with all that hangs on it is made, leads outside, and goes without a trace', async () => {
    const s = await turn('CreateStack', 'net', {
      ...vpc, Sg: { Type: 'AWS::EC2::SecurityGroup', Properties: { GroupDescription: 'web', VpcId: ref('Vpc'), SecurityGroupIngress: [{ IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '0.0.0.0/0' }], SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: '10.0.0.0/8' }] } },
      In: { Type: 'AWS::EC2::SecurityGroupIngress', Properties: { GroupId: ref('Sg'), IpProtocol: 'udp', FromPort: 53, ToPort: 53, SourceSecurityGroupId: ref('Sg') } }, Out: { Type: 'AWS::EC2::SecurityGroupEgress', Properties: { GroupId: ref('Sg'), IpProtocol: 'icmp', CidrIp: '0.0.0.0/0' } },
      Nic: { Type: 'AWS::EC2::NetworkInterface', Properties: { SubnetId: ref('Subnet'), GroupSet: [ref('Sg')], PrivateIpAddress: '10.90.1.50' } }, Ip: { Type: 'AWS::EC2::EIP', Properties: { Domain: 'vpc' } }, To: { Type: 'AWS::EC2::EIPAssociation', Properties: { AllocationId: att('Ip', 'AllocationId'), NetworkInterfaceId: ref('Nic') } },
      Via: { Type: 'AWS::EC2::Route', Properties: { RouteTableId: ref('Table'), DestinationCidrBlock: '192.168.7.0/24', NetworkInterfaceId: ref('Nic') } },
      Vm: { Type: 'AWS::EC2::Instance', DependsOn: 'Nic', Properties: { ...image, SubnetId: ref('Subnet'), SecurityGroupIds: [ref('Sg')], Tags: [{ Key: 'Name', Value: 'web' }], UserData: { 'Fn::Base64': '#!/bin/sh\necho hi' } } },
    }, { vpc: ref('Vpc'), igw: ref('Igw'), table: ref('Table'), sg: att('Sg', 'GroupId'), ip: ref('Ip'), nic: att('Nic', 'PrimaryPrivateIpAddress'), vm: ref('Vm'), private: att('Vm', 'PrivateIp'), public: att('Vm', 'PublicIp'), cidr: att('Vpc', 'CidrBlock') })
    expect([s.status, s.why]).toEqual(['CREATE_COMPLETE', []])
    expect(s.out).toMatchObject({ nic: '10.90.1.50', cidr: '10.90.0.0/16', ip: expect.stringMatching(/^172\.24\.4\./), private: expect.stringMatching(/^10\.90\.1\./), public: expect.stringMatching(/^172\.24\.4\./) })
    const rules = (await api(`/network/v2.0/security-group-rules?security_group_id=${s.out.sg}`)).security_group_rules.map((r: any) => [r.direction, r.protocol, r.remote_ip_prefix ?? (r.remote_group_id && 'group')])
    expect(rules.sort()).toEqual([['egress', null, '10.0.0.0/8'], ['egress', 'icmp', '0.0.0.0/0'], ['ingress', 'tcp', '0.0.0.0/0'], ['ingress', 'udp', 'group']].sort())
    const [router] = (await api(`/network/v2.0/routers?name=vpc-${s.out.vpc}`)).routers
    expect([router.external_gateway_info !== null, router.routes]).toEqual([true, [{ destination: '192.168.7.0/24', nexthop: '10.90.1.50' }]])
    expect((await api(`/compute/v2.1/servers/${s.out.vm}`)).server).toMatchObject({ name: 'web', status: 'ACTIVE', metadata: { Name: 'web' } })
    // The EC2 API knows all of it, by what Ref gives.
    const ec2 = async (action: string, params: object) => (await me.ec2(action, params as never)).body, vpcId = `vpc-${s.out.vpc.replaceAll('-', '')}`
    const [table] = (await ec2('DescribeRouteTables', { Filter: [{ Name: 'vpc-id', Value: [s.out.vpc] }, { Name: 'association.main', Value: ['false'] }] })).routeTableSet
    expect([table.routeTableId, Object.fromEntries(table.routeSet.map((r: any) => [r.destinationCidrBlock, r.gatewayId]))]).toEqual([s.out.table, { '10.90.0.0/16': 'local', '0.0.0.0/0': s.out.igw, '192.168.7.0/24': undefined }])
    expect((await ec2('DescribeInternetGateways', { InternetGatewayId: [s.out.igw] })).internetGatewaySet).toMatchObject([{ attachmentSet: [{ vpcId }] }])
    expect((await ec2('DescribeInstances', { InstanceId: [s.out.vm], Filter: [{ Name: 'tag:Name', Value: ['web'] }] })).reservationSet).toMatchObject([{ instancesSet: [{ vpcId, tagSet: [{ key: 'Name', value: 'web' }] }] }])
    expect((await ec2('DescribeTags', { Filter: [{ Name: 'resource-id', Value: [s.out.vpc] }] })).tagSet).toMatchObject([{ key: 'Name', value: 'mine', resourceType: 'vpc' }])
    expect(await remove('net')).toBe('DELETE_COMPLETE')
    expect((await ec2('DescribeTags', {})).tagSet).toEqual([])
    for (const [path, key] of [['/compute/v2.1/servers', 'servers'], ['/network/v2.0/floatingips', 'floatingips'], [`/network/v2.0/networks?id=${s.out.vpc}`, 'networks'], [`/network/v2.0/routers?name=vpc-${s.out.vpc}`, 'routers'], [`/network/v2.0/ports?network_id=${s.out.vpc}`, 'ports'], [`/network/v2.0/security-groups?id=${s.out.sg}`, 'security_groups']]) expect([path, (await api(path))[key]]).toEqual([path, []])
  }, 60_000)

  it('a subnet outside of its VPC, and a way out that is not attached, are refused in words, and all goes back', async () => {
    const s = await turn('CreateStack', 'wrong', { Vpc: vpc.Vpc, S: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: ref('Vpc'), CidrBlock: '10.91.0.0/24' } } })
    expect([s.status, s.why.join()]).toEqual(['ROLLBACK_COMPLETE', expect.stringContaining('does not lie within')])
    const t = await turn('CreateStack', 'closed', { Vpc: vpc.Vpc, Igw: vpc.Igw, Table: vpc.Table, Route: vpc.Route })
    expect([t.status, t.why.join()]).toEqual(['ROLLBACK_COMPLETE', expect.stringContaining('belong to different networks')])
    for (const n of ['wrong', 'closed']) expect(await remove(n)).toBe('DELETE_COMPLETE')
    expect((await api('/network/v2.0/networks?name=mine')).networks).toEqual([])
  }, 60_000)

  it('an instance with volumes, keys and a launch template; what changes in place and what is made anew', async () => {
    const parts = (o: { size?: number; type?: string; name?: string } = {}) => ({
      Key: { Type: 'AWS::EC2::KeyPair', Properties: { KeyName: 'made' } }, Lt: { Type: 'AWS::EC2::LaunchTemplate', Properties: { LaunchTemplateName: 'base', LaunchTemplateData: { ...image, KeyName: ref('Key') } } },
      Vm: { Type: 'AWS::EC2::Instance', Properties: { LaunchTemplate: { LaunchTemplateId: ref('Lt'), Version: att('Lt', 'LatestVersionNumber') }, ...(o.type ? { InstanceType: o.type } : {}), Tags: [{ Key: 'Name', Value: o.name ?? 'one' }] } },
      Disk: { Type: 'AWS::EC2::Volume', Properties: { Size: o.size ?? 1, AvailabilityZone: att('Vm', 'AvailabilityZone') } }, Put: { Type: 'AWS::EC2::VolumeAttachment', Properties: { InstanceId: ref('Vm'), VolumeId: ref('Disk'), Device: '/dev/vdb' } },
    })
    const outs = { vm: ref('Vm'), disk: ref('Disk'), key: att('Key', 'KeyPairId') }, s = await turn('CreateStack', 'vm', parts(), outs)
    expect([s.status, s.why]).toEqual(['CREATE_COMPLETE', []])
    expect((await api(`/volume/v3/volumes/${s.out.disk}`)).volume).toMatchObject({ status: 'in-use', attachments: [{ server_id: s.out.vm }] })
    expect((await api(`/compute/v2.1/servers/${s.out.vm}`)).server.key_name).toBe('made')
    const secret = (await me.json('ssm', '/ssm', 'AmazonSSM.GetParameter', { Name: `/ec2/keypair/${s.out.key}`, WithDecryption: true })).body.Parameter.Value
    expect(secret).toMatch(/PRIVATE KEY/)
    const u = await turn('UpdateStack', 'vm', parts({ name: 'two' }), outs)
    expect([u.status, u.why, u.out.vm]).toEqual(['UPDATE_COMPLETE', [], s.out.vm])
    expect((await api(`/compute/v2.1/servers/${s.out.vm}`)).server.name).toBe('two')
    // Another machine: it is made anew, the volume moves over, the old one goes.
    const w = await turn('UpdateStack', 'vm', { ...parts({ name: 'two' }), Vm: { Type: 'AWS::EC2::Instance', Properties: { ...parts().Vm.Properties, UserData: 'bmV3' } } }, outs)
    expect([w.status, w.why, w.out.vm === s.out.vm, w.out.disk]).toEqual(['UPDATE_COMPLETE', [], false, s.out.disk])
    expect((await api(`/volume/v3/volumes/${s.out.disk}`)).volume).toMatchObject({ status: 'in-use', attachments: [{ server_id: w.out.vm }] })
    expect((await api('/compute/v2.1/servers')).servers.map((x: any) => x.id)).toEqual([w.out.vm])
    expect(await remove('vm')).toBe('DELETE_COMPLETE')
    expect([(await api('/compute/v2.1/servers')).servers, (await api('/volume/v3/volumes')).volumes, (await api('/compute/v2.1/os-keypairs')).keypairs]).toEqual([[], [], []])
    expect((await me.json('ssm', '/ssm', 'AmazonSSM.GetParameter', { Name: `/ec2/keypair/${s.out.key}` })).code).toBe('ParameterNotFound')
  }, 60_000)
})

describe('IAM', () => {
  it('gives guests keys that read what stacks show, and no more', async () => {
    const s = await turn('CreateStack', 'keys', {
      U: { Type: 'AWS::IAM::User' }, K: { Type: 'AWS::IAM::AccessKey', Properties: { UserName: ref('U') } }, G: { Type: 'AWS::IAM::Group', Properties: { GroupName: 'g' } }, R: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } }, P: { Type: 'AWS::IAM::InstanceProfile', Properties: { Roles: [ref('R')] } },
    }, { access: ref('K'), secret: att('K', 'SecretAccessKey'), arn: att('R', 'Arn'), user: att('U', 'Arn') })
    expect([s.status, s.why]).toEqual(['CREATE_COMPLETE', []])
    expect(s.out.arn).toBe(`arn:aws:iam::${k.project}:role/${s.out.arn.split('/')[1]}`)
    Object.assign(me.key, { old: { ...me.key } })
    const own = { ...me.key }
    Object.assign(me.key, { access: s.out.access, secret: s.out.secret })
    const reads = await cfn('DescribeStackResource', { StackName: 'keys', LogicalResourceId: 'K' }), writes = await cfn('DeleteStack', { StackName: 'keys' }), store = await me.json('ssm', '/ssm', 'AmazonSSM.DescribeParameters')
    Object.assign(me.key, own)
    expect([reads.status, writes.code, store.code]).toEqual([200, 'AccessDenied', 'InvalidClientTokenId'])
    expect(await remove('keys')).toBe('DELETE_COMPLETE')
    Object.assign(me.key, { access: s.out.access, secret: s.out.secret })
    expect((await cfn('ListStacks')).code).toBe('InvalidClientTokenId')
    Object.assign(me.key, own)
  }, 60_000)
})

describe('signals', () => {
  const send = (url: string, body: unknown, method = 'PUT') => { const u = new URL(url, 'http://cloud.test'); return k.c.call(method, u.pathname + u.search, { raw: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': '' } }) }
  const waits = (more: object = {}) => ({ H: { Type: 'AWS::CloudFormation::WaitConditionHandle' }, W: { Type: 'AWS::CloudFormation::WaitCondition', Properties: { Handle: ref('H'), Timeout: 600, Count: 2, ...more } } })
  const url = async (name: string) => { const row = (await k.c.db().read([(await import('../../../kernel/db.ts')).q.select().from((await import('../../../../schema/orchestration.ts')).stackResource)]))[0].find((r) => r.name === name && r.type.endsWith('Handle'))!; return (await import('../../engine/sealed.ts')).openRow({ env: k.c.env }, row).data.url as string }

  it('reach a wait condition by the address of its handle, once each; nothing else does', async () => {
    let s = await turn('CreateStack', 'waits', waits(), { data: att('W', 'Data') })
    expect(s.status).toBe('CREATE_IN_PROGRESS')
    const at = await url('H')
    expect(at).toMatch(/\/cloudformation\/v1\/waitcondition\/arn%3Aaws/)
    for (const bad of [at.replace(/Signature=./, 'Signature=_'), at.replace(/Expires=\d+/, 'Expires=9999999999'), at.replace('waits', 'other').replace(/[0-9a-f-]{36}/, crypto.randomUUID()), at.split('?')[0]]) expect((await send(bad, { Status: 'SUCCESS', UniqueId: 'x', Data: '', Reason: '' })).status).toBe(403)
    expect((await send(at, '{"Status"')).status).toBe(400)
    expect((await send(at, { Status: 'MAYBE' })).status).toBe(400)
    for (const id of ['a', 'a']) expect((await send(at, { Status: 'SUCCESS', UniqueId: id, Data: `from ${id}`, Reason: 'ok' })).status).toBe(200)
    await k.rest()
    expect((await look('waits')).status).toBe('CREATE_IN_PROGRESS')
    expect((await send(at, { Status: 'SUCCESS', UniqueId: 'b', Data: 'from b', Reason: 'ok' })).status).toBe(200)
    await k.rest()
    s = await look('waits')
    expect([s.status, JSON.parse(s.out.data.replaceAll('&quot;', '"'))]).toEqual(['CREATE_COMPLETE', { a: 'from a', b: 'from b' }])
    expect(await remove('waits')).toBe('DELETE_COMPLETE')
    expect((await send(at, { Status: 'SUCCESS', UniqueId: 'c' })).status).toBe(403)
  }, 60_000)
  it('that tell of a failure fail the stack', async () => {
    await turn('CreateStack', 'sad', waits({ Count: 1 }))
    await send(await url('H'), { Status: 'FAILURE', UniqueId: 'a', Reason: 'no disk' })
    await k.rest()
    const s = await look('sad')
    expect([s.status, s.why.join()]).toEqual(['ROLLBACK_COMPLETE', expect.stringContaining('no disk')])
    await remove('sad')
  }, 60_000)
  it('are what a CreationPolicy waits for', async () => {
    const made = (Count: number) => ({ Vm: { Type: 'AWS::EC2::Instance', Properties: image, CreationPolicy: { ResourceSignal: { Count, Timeout: 'PT10M' } } } })
    let s = await turn('CreateStack', 'policy', made(2))
    expect(s.status).toBe('CREATE_IN_PROGRESS')
    for (const UniqueId of ['one', 'two']) expect((await cfn('SignalResource', { StackName: 'policy', LogicalResourceId: 'Vm', UniqueId, Status: 'SUCCESS' })).status).toBe(200)
    await k.rest()
    s = await look('policy')
    expect([s.status, s.why]).toEqual(['CREATE_COMPLETE', []])
    await turn('CreateStack', 'policy2', made(1))
    await cfn('SignalResource', { StackName: 'policy2', LogicalResourceId: 'Vm', UniqueId: 'x', Status: 'FAILURE' })
    await k.rest()
    expect((await look('policy2')).status).toBe('ROLLBACK_COMPLETE')
    for (const n of ['policy', 'policy2']) expect(await remove(n)).toBe('DELETE_COMPLETE')
  }, 60_000)
})

it('a stack within a stack comes from this cloud\'s own store', async () => {
  const { Bytes } = await import('../../../kernel/bytes.ts'), key = `templates/${k.project}/child.json`
  await new Bytes(k.c.env, k.c.world).put(key, text({ R: { Type: 'OS::Heat::RandomString', Properties: { length: ref('N') } } }, { Parameters: { N: { Type: 'Number' } }, Outputs: { Word: { Value: att('R', 'value') } } }))
  const s = await turn('CreateStack', 'outer', { C: { Type: 'AWS::CloudFormation::Stack', Properties: { TemplateURL: `${k.c.env.S3_URL}/virga/${key}`, Parameters: { N: 7 } } } }, { word: att('C', 'Outputs.Word'), id: ref('C') })
  expect([s.status, s.why]).toEqual(['CREATE_COMPLETE', []])
  expect(s.out).toMatchObject({ word: expect.stringMatching(/^.{7}$/), id: expect.stringMatching(/^arn:aws:cloudformation:.*:stack\/outer-C-/) })
  expect(await remove('outer')).toBe('DELETE_COMPLETE')
  expect((await cfn('DescribeStacks', { StackName: s.out.id })).body.Stacks.member[0].StackStatus).toBe('DELETE_COMPLETE')
  const bad = await turn('CreateStack', 'outer2', { C: { Type: 'AWS::CloudFormation::Stack', Properties: { TemplateURL: 'http://169.254.169.254/latest' } } })
  expect([bad.status, bad.why.join()]).toEqual(['ROLLBACK_COMPLETE', expect.stringContaining('TemplateURL may not be fetched from 169.254.169.254')])
  await remove('outer2')
}, 60_000)

it('a parameter of the store is a resource, and a value templates look up', async () => {
  const s = await turn('CreateStack', 'store', { P: { Type: 'AWS::SSM::Parameter', Properties: { Name: '/app/size', Type: 'String', Value: '12' } } }, { value: att('P', 'Value'), name: ref('P') })
  expect([s.status, s.out]).toEqual(['CREATE_COMPLETE', { value: '12', name: '/app/size' }])
  const r = await cfn('CreateStack', { StackName: 'reads', TemplateBody: text({ R: { Type: 'OS::Heat::RandomString', Properties: { length: ref('Size') } }, T: { Type: 'OS::Heat::TestResource', Properties: { value: '{{resolve:ssm:/app/size}}' } } }, { Parameters: { Size: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/app/size' } }, Outputs: { W: { Value: att('R', 'value') }, V: { Value: att('T', 'output') } } }) })
  expect(r.status).toBe(200)
  await k.rest()
  expect((await look('reads')).out).toEqual({ W: expect.stringMatching(/^.{12}$/), V: '12' })
  for (const n of ['reads', 'store']) expect(await remove(n)).toBe('DELETE_COMPLETE')
  expect((await me.json('ssm', '/ssm', 'AmazonSSM.GetParameter', { Name: '/app/size' })).code).toBe('ParameterNotFound')
}, 60_000)

describe('a custom resource', () => {
  const own = { X: { Type: 'Custom::Thing', Properties: { ServiceToken: 'http://maker.test/make', Size: 3, Deep: { a: [1] } } } }
  it('is asked of nobody the operator did not name', async () => {
    const s = await turn('CreateStack', 'custom0', own)
    expect([s.status, s.why.join()]).toEqual(['ROLLBACK_COMPLETE', expect.stringContaining('may not be asked of http://maker.test')])
    await remove('custom0')
  }, 30_000)
  it('is made, changed and taken away by somebody else, who answers at the address in the request', async () => {
    const asked: any[] = [], fetch = k.c.world.fetch
    ;(k.c.env as any).CUSTOM_RESOURCES = 'http://maker.test/make'
    k.c.world.fetch = (async (input: any, init: any) => {
      if (String(input?.url ?? input) !== 'http://maker.test/make') return fetch(input, init)
      asked.push(JSON.parse(init.body))
      return new Response('ok')
    }) as typeof globalThis.fetch
    try {
      const answer = async (body: object, to = asked.at(-1)) => { const u = new URL(to.ResponseURL, 'http://cloud.test'); const r = await k.c.call('PUT', u.pathname + u.search, { raw: JSON.stringify({ Status: 'SUCCESS', RequestId: to.RequestId, StackId: to.StackId, LogicalResourceId: to.LogicalResourceId, PhysicalResourceId: 'thing-1', ...body }) }); await k.rest(); return r.status }
      await turn('CreateStack', 'custom', own, { url: att('X', 'Url'), id: ref('X') })
      expect(asked).toMatchObject([{ RequestType: 'Create', ResourceType: 'Custom::Thing', LogicalResourceId: 'X', ResourceProperties: { Size: 3, Deep: { a: [1] } } }])
      expect(await answer({ RequestId: 'another' })).toBe(400)
      expect(await answer({ Data: { Url: 'http://made' } })).toBe(200)
      let s = await look('custom')
      expect([s.status, s.why, s.out]).toEqual(['CREATE_COMPLETE', [], { url: 'http://made', id: 'thing-1' }])
      await turn('UpdateStack', 'custom', { X: { ...own.X, Properties: { ...own.X.Properties, Size: 4 } } }, { url: att('X', 'Url') })
      expect(asked.at(-1)).toMatchObject({ RequestType: 'Update', PhysicalResourceId: 'thing-1', ResourceProperties: { Size: 4 }, OldResourceProperties: { Size: 3 } })
      await answer({ Data: { Url: 'http://changed' } })
      s = await look('custom')
      expect([s.status, s.out.url]).toEqual(['UPDATE_COMPLETE', 'http://changed'])
      const removing = remove('custom')
      await removing
      expect(asked.at(-1)).toMatchObject({ RequestType: 'Delete', PhysicalResourceId: 'thing-1' })
      await answer({})
      expect((await cfn('DescribeStacks', { StackName: 'custom' })).code).toBe('ValidationError')
    } finally { k.c.world.fetch = fetch; delete (k.c.env as any).CUSTOM_RESOURCES }
  }, 60_000)
})
