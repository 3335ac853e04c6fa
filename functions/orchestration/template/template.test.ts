import { describe, expect, it } from 'vitest'
import { conditionsOf, dependencies, parametersOf, parse, pseudoParameters, resolve, UNKNOWN } from './index.ts'

const hot = `heat_template_version: 2018-08-31
description: one server
parameters:
  key: { type: string, default: mine }
  count: { type: number, default: 2, constraints: [{ range: { min: 1, max: 5 } }] }
conditions:
  many: { not: { equals: [{ get_param: count }, 1] } }
resources:
  net: { type: 'OS::Neutron::Net' }
  server:
    type: OS::Nova::Server
    properties:
      name: { list_join: ['-', [{ get_param: 'OS::stack_name' }, { get_param: key }]] }
      networks: [{ network: { get_resource: net } }]
      user_data: { str_replace: { template: 'hello $who', params: { $who: { if: [many, all, you] } } } }
outputs:
  address: { value: { get_attr: [server, first_address] } }
`
const cfn = `AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Key: { Type: String, Default: mine }
Conditions:
  IsMine: !Equals [!Ref Key, mine]
Resources:
  Volume: { Type: 'AWS::EC2::Volume', Properties: { Size: 1 } }
  Server:
    Type: AWS::EC2::Instance
    DependsOn: Volume
    Properties:
      KeyName: !If [IsMine, !Ref Key, !Ref AWS::NoValue]
      UserData: { 'Fn::Base64': !Sub 'volume \${Volume} of \${AWS::StackName} at \${Volume.Zone} \${!Literal}' }
Outputs:
  Id: { Value: !GetAtt Server.PrivateIp }
`
const stack = { id: 'i-d', name: 'st', project: 'p' }

describe('a HOT template', () => {
  it('is read, ordered and resolved', async () => {
    const template = parse(hot)
    const { values } = await parametersOf(template, {})
    const parameters = { ...values, ...pseudoParameters(template, stack) }
    const conditions = conditionsOf(template, parameters)
    expect(conditions).toEqual({ many: true })
    expect(dependencies(template, conditions, parameters).order).toEqual(['net', 'server'])
    const scope = { dialect: template.dialect, parameters, conditions, resource: (name: string) => `id-${name}` }
    expect(resolve(template.resources.get('server')!.properties, scope)).toEqual({ name: 'st-mine', networks: [{ network: 'id-net' }], user_data: 'hello all' })
    expect(resolve(template.outputs.get('address')!.value, scope)).toBe(UNKNOWN)
  })
})

describe('a CloudFormation template', () => {
  it('is read, ordered and resolved', async () => {
    const template = parse(cfn, { front: 'aws' })
    const { values } = await parametersOf(template, {})
    const parameters = { ...values, ...pseudoParameters(template, stack) }
    const conditions = conditionsOf(template, parameters)
    expect(dependencies(template, conditions).order).toEqual(['Volume', 'Server'])
    const scope = { dialect: template.dialect, parameters, conditions, resource: (name: string) => `id-${name}`, attribute: () => 'nova' }
    expect(resolve(template.resources.get('Server')!.properties, scope)).toEqual({ KeyName: 'mine', UserData: btoa('volume id-Volume of st at nova ${Literal}') })
  })
})
