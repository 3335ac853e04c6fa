import type { Json } from './types.ts'

/** CloudFormation's short tags and what they stand for. */
const FN = ['And', 'Base64', 'Cidr', 'Equals', 'FindInMap', 'ForEach', 'GetAtt', 'GetAZs', 'If', 'ImportValue', 'Join', 'Length', 'Not', 'Or',
  'Select', 'Split', 'Sub', 'ToJsonString', 'Transform', 'Contains', 'EachMemberEquals', 'EachMemberIn', 'RefAll', 'ValueOf', 'ValueOfAll']
const names = new Map<string, string>([['!Ref', 'Ref'], ['!Condition', 'Condition'], ...FN.map((name): [string, string] => [`!${name}`, `Fn::${name}`])])

export const isShortTag = (tag: string) => names.has(tag)

/** `!GetAtt a.b` to `{ 'Fn::GetAtt': ['a', 'b'] }`, and so on. */
export function written(tag: string, value: Json): Json {
  const name = names.get(tag)!
  if (name === 'Fn::GetAtt' && typeof value === 'string') {
    const dot = value.indexOf('.')
    return { [name]: dot < 0 ? [value] : [value.slice(0, dot), value.slice(dot + 1)] }
  }
  return { [name]: value }
}
