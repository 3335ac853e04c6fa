import { conditionFunctionsOf, functionsOf } from './functions.ts'
import type { Dialect } from './types.ts'

/** How each function is written and what it gives, for the API's list and the documents. */
const words: Record<string, [usage: string, gives: string]> = {
  get_param: ['name | [name, key or index ...]', "A parameter's value, or a part of it; an empty text where the path leads nowhere."],
  get_resource: ['resource', "A resource's id, as its type refers to itself."],
  get_attr: ['[resource, attribute, key or index ...]', "A resource's attribute, or a part of it; from 2015-10-15 all attributes when none is named."],
  get_file: ['name', 'A function for including a file inline.'],
  resource_facade: ['metadata | deletion_policy | update_policy', 'In the template of a nested stack: what the resource in the stack around it has there.'],
  list_join: ['[delimiter, list ...]', 'The texts of lists joined into one; from 2015-10-15 of several lists, maps and lists among their items written as JSON.'],
  list_concat: ['[list ...]', 'One list of all items.'],
  list_concat_unique: ['[list ...]', 'One list of all items, each once.'],
  str_replace: ['{ template, params: { name: value } }', 'The template with every name replaced by its value, longer names first; from 2015-10-15 values may be maps and lists, written as JSON.'],
  str_replace_strict: ['{ template, params: { name: value } }', 'The same, refused when a name is not in the template.'],
  str_replace_vstrict: ['{ template, params: { name: value } }', 'The same, refused also when a value is empty.'],
  str_split: ['[delimiter, text, index]', 'The parts of a text, or the one at the index.'],
  digest: ['[algorithm, text]', 'The md5, sha1, sha224, sha256, sha384 or sha512 digest of a text, in hexadecimal.'],
  repeat: ['{ template, for_each: { name: list }, permutations }', 'The template once for each item, names replaced; of several lists all combinations, or items in step when permutations is false (2017-09-01).'],
  map_merge: ['[map ...]', 'One map of all entries; the last wins.'],
  map_replace: ['[map, { keys, values }]', 'The map with keys and values exchanged for others.'],
  yaql: ['{ expression, data }', 'The value of a YAQL expression over `$.data`.'],
  if: ['[condition, value, otherwise]', 'One of two values; from 2021-04-16 the second may be missing, and what holds it is left out.'],
  filter: ['[values, list]', 'The list without the values.'],
  make_url: ['{ scheme, username, password, host, port, path, query, fragment }', 'A URL of its parts, escaped.'],
  contains: ['[value, list]', 'Whether the list has the value.'],
  equals: ['[value, value]', 'Whether two values are the same.'],
  not: ['condition', 'The opposite of a condition.'],
  and: ['[condition, condition ...]', 'Whether all conditions hold.'],
  or: ['[condition, condition ...]', 'Whether one of the conditions holds.'],
  Ref: ['name', "A parameter's value or a resource's id."],
  'Fn::GetAtt': ['[resource, attribute] | resource.attribute', "A resource's attribute."],
  'Fn::GetAZs': ['region', 'The availability zones.'],
  'Fn::Select': ['[index, list]', 'The item at the index.'],
  'Fn::Join': ['[delimiter, list]', 'The texts of a list joined into one.'],
  'Fn::Split': ['[delimiter, text]', 'The parts of a text.'],
  'Fn::Replace': ['[{ name: value }, text]', 'The text with every name replaced by its value.'],
  'Fn::Base64': ['text', 'The text in Base64 (in CloudFormation), or as it is (in heat, which encodes user data itself).'],
  'Fn::MemberListToMap': ['[key name, value name, [.member.0.Name=key, .member.0.Value=value]]', 'A map of a numbered list.'],
  'Fn::ResourceFacade': ['Metadata | DeletionPolicy | UpdatePolicy', 'In the template of a nested stack: what the resource in the stack around it has there.'],
  'Fn::FindInMap': ['[map, key, second key]', 'A value of the Mappings; with the language extensions `{ DefaultValue }` as a fourth.'],
  'Fn::If': ['[condition, value, otherwise]', 'One of two values.'],
  'Fn::Equals': ['[value, value]', 'Whether two values are the same.'],
  'Fn::Not': ['[condition]', 'The opposite of a condition.'],
  'Fn::And': ['[condition, condition ...]', 'Whether all conditions hold.'],
  'Fn::Or': ['[condition, condition ...]', 'Whether one of the conditions holds.'],
  'Fn::Sub': ['text | [text, { name: value }]', 'The text with `${Name}` and `${Resource.Attribute}` replaced; `${!Name}` stays.'],
  'Fn::Cidr': ['[block, count, bits]', 'So many ranges of so many host bits within the block.'],
  'Fn::ImportValue': ['name', "Another stack's exported output."],
  'Fn::Transform': ['{ Name, Parameters }', 'Refused: macros and AWS::Include do not exist here.'],
  'Fn::ToJsonString': ['map or list', 'The value as JSON (language extensions).'],
  'Fn::Length': ['list', 'How many items a list has (language extensions).'],
  'Fn::ForEach::Name': ['[identifier, list, { key: body }]', 'The body once for each item, `${Identifier}` and `&{Identifier}` replaced (language extensions).'],
  Condition: ['name', 'Whether another condition holds.'],
}

export interface FunctionWords { name: string, usage: string, description: string }

const described = (name: string): FunctionWords => ({ name, usage: words[name][0], description: words[name][1] })

/** The functions a version has, removed ones left out; with those only conditions may use when asked. */
export function listFunctions(dialect: Dialect, withConditions = false): FunctionWords[] {
  const names = new Set([...functionsOf(dialect)].filter(([, fn]) => !fn.removed).map(([name]) => name))
  if (withConditions) for (const name of conditionFunctionsOf(dialect).keys()) names.add(name)
  if (dialect.extensions) names.add('Fn::ForEach::Name')
  return [...names].sort().map(described)
}

export const listConditionFunctions = (dialect: Dialect): FunctionWords[] => [...conditionFunctionsOf(dialect).keys()].sort().map(described)
