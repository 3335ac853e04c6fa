import { describe, expect, it } from 'vitest'
import { dependencies, parse } from '../index.ts'

const read = (text: string, parameters?: Record<string, string>) => parse(text, { front: 'aws', parameters })
const head = 'Transform: AWS::LanguageExtensions\n'

describe('Fn::ForEach', () => {
  it('makes a resource for each member, named by it, and an output for each', () => {
    const template = read(`${head}Resources:
  Fn::ForEach::Topics:
    - Name
    - [Success, Fail-ure]
    - 'Topic&{Name}':
        Type: AWS::EC2::Volume
        Properties: { Name: !Ref Name, Text: !Sub '\${Name} of \${AWS::StackName}' }
Outputs:
  Fn::ForEach::Ids:
    - Name
    - [Success]
    - 'Id\${Name}': { Value: !GetAtt 'Topic\${Name}.Id' }
`)
    expect([...template.resources.keys()]).toEqual(['TopicSuccess', 'TopicFailure'])
    expect(template.resources.get('TopicFailure')!.properties).toEqual({ Name: 'Fail-ure', Text: { 'Fn::Sub': 'Fail-ure of ${AWS::StackName}' } })
    expect(template.outputs.get('IdSuccess')!.value).toEqual({ 'Fn::GetAtt': ['TopicSuccess', 'Id'] })
  })
  it('nests, and runs over a parameter', () => {
    const template = read(`${head}Parameters: { Zones: { Type: CommaDelimitedList, Default: 'a, b' } }
Resources:
  Fn::ForEach::Outer:
    - Z
    - !Ref Zones
    - Fn::ForEach::Inner:
        - N
        - ['1', '2']
        - 'V\${Z}\${N}': { Type: AWS::EC2::Volume, DependsOn: !Sub 'X' }
  X: { Type: AWS::EC2::VPC }
`.replace(", DependsOn: !Sub 'X'", ", DependsOn: X"), { Zones: 'c' })
    expect([...template.resources.keys()]).toEqual(['Vc1', 'Vc2', 'X'])
    expect(dependencies(template).order[0]).toBe('X')
  })
  it('runs within properties', () => {
    const template = read(`${head}Resources:
  V:
    Type: AWS::EC2::Volume
    Properties:
      Fn::ForEach::P: [K, [A, B], { 'Key\${K}': !Ref K }]
`)
    expect(template.resources.get('V')!.properties).toEqual({ KeyA: 'A', KeyB: 'B' })
  })
  it('refuses a wrong layout, with where', () => {
    expect(() => read(`${head}Resources:\n  Fn::ForEach::T: [N, [a]]\n`)).toThrow('Fn::ForEach layout is incorrect. (Resources/Fn::ForEach::T, line 3)')
    expect(() => read(`${head}Resources:\n  Fn::ForEach::T: [N, [a, b], { V: { Type: AWS::EC2::Volume } }]\n`)).toThrow('the key V is made twice')
    expect(() => read(`${head}Resources:\n  Fn::ForEach::T: [N, word, { V: { Type: AWS::EC2::Volume } }]\n`)).toThrow('could not resolve its collection')
  })
  it('does not grow without bound', () => {
    const list = JSON.stringify(Array.from({ length: 100 }, (_, i) => String(i)))
    const loop = (depth: number): string => depth ? `{ 'Fn::ForEach::L${depth}': [I${depth}, ${list}, ${loop(depth - 1)}] }` : "{ 'V${I1}x${I2}x${I3}x${I4}': { Type: 'AWS::EC2::Volume' } }"
    expect(() => read(`${head}Resources: ${loop(4)}\n`)).toThrow('The template expands to too many values.')
  })
  it('needs the transform', () => {
    expect(() => read('Resources:\n  V: { Type: AWS::EC2::Volume, Properties: { Size: { "Fn::Length": [1, 2] } } }\n')).toThrow('Fn::Length needs the transform AWS::LanguageExtensions')
  })
})
