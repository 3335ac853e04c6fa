import type { Fn } from '../evaluate.ts'
import { base64, findAzs, memberListToMap, replace, select, split } from '../cfn/legacy.ts'
import { ref } from '../cfn/references.ts'
import { contains, filter, listConcat, mapMerge, mapReplace } from './collections.ts'
import { equals, iff, junction, not } from './conditions.ts'
import { facade, getAttr, getFile, getParam, getResource } from './references.ts'
import { repeat } from './repeat.ts'
import { digest, join, strReplace, strSplit } from './strings.ts'
import { makeUrl } from './url.ts'
import { yaql } from '../yaql/index.ts'

type Table = Record<string, Fn | undefined>
interface Version { functions: Table, conditions: Table }

const hotFacade = facade('resource_facade', ['metadata', 'deletion_policy', 'update_policy'])
/** Functions an earlier version had; using one is refused by name. */
const removed = (name: string): Fn => ({
  removed: true,
  check(_arg, at, fault) { throw fault(`The template version is invalid: The function ${name} is not supported in this version of HOT.`, at, 'InvalidTemplateVersion') },
  run(_arg, at, ev) { throw ev.fault(`The template version is invalid: The function ${name} is not supported in this version of HOT.`, at, 'InvalidTemplateVersion') },
})
const LEFT = ['Fn::GetAZs', 'Fn::Join', 'Fn::Split', 'Fn::Replace', 'Fn::Base64', 'Fn::MemberListToMap', 'Fn::ResourceFacade', 'Ref']
const gone = (...names: string[]) => Object.fromEntries(names.map((name) => [name, removed(name)]))

/** What each version adds to, changes in or takes from the one before. */
const changes: [string, Table, Table?][] = [
  ['2013-05-23', {
    get_param: getParam, get_resource: getResource, get_attr: getAttr(2), get_file: getFile, resource_facade: hotFacade,
    list_join: join('list_join', false), str_replace: strReplace({ name: 'str_replace' }),
    Ref: ref, 'Fn::GetAZs': findAzs, 'Fn::Select': select, 'Fn::Join': join('Fn::Join', false), 'Fn::Split': split, 'Fn::Replace': replace, 'Fn::Base64': base64,
    'Fn::MemberListToMap': memberListToMap, 'Fn::ResourceFacade': facade('Fn::ResourceFacade', ['Metadata', 'DeletionPolicy', 'UpdatePolicy']),
  }],
  ['2014-10-16', gone(...LEFT)],
  ['2015-04-30', { repeat: repeat({ maps: false, permutations: false }), digest }],
  ['2015-10-15', { get_attr: getAttr(1), list_join: join('list_join', true), str_replace: strReplace({ name: 'str_replace', json: true }), str_split: strSplit, ...gone('Fn::Select') }],
  ['2016-04-08', { map_merge: mapMerge }],
  ['2016-10-14', { repeat: repeat({ maps: true, permutations: false }), map_replace: mapReplace, yaql, if: iff('if', false) },
    { get_param: getParam, equals: equals('equals'), not: not('not', false), and: junction('and', false), or: junction('or', true) }],
  ['2017-02-24', { filter, str_replace_strict: strReplace({ name: 'str_replace_strict', json: true, strict: true }) }],
  ['2017-09-01', {
    repeat: repeat({ maps: true, permutations: true }), make_url: makeUrl, contains, list_concat: listConcat('list_concat', false), list_concat_unique: listConcat('list_concat_unique', true),
    str_replace_vstrict: strReplace({ name: 'str_replace_vstrict', json: true, strict: true, filled: true }),
  }, { contains, yaql }],
  ['2018-03-02', {}],
  ['2018-08-31', {}],
  ['2021-04-16', { if: iff('if', true) }],
]

const versions = new Map<string, Version>()
for (const [date, functions, conditions] of changes) {
  const before = [...versions.values()].at(-1)
  versions.set(date, { functions: { ...before?.functions, ...functions }, conditions: { ...before?.conditions, ...conditions } })
}

/** Releases that lend their name to a version. */
const aliases: Record<string, string> = {
  newton: '2016-10-14', ocata: '2017-02-24', pike: '2017-09-01', queens: '2018-03-02', rocky: '2018-08-31', wallaby: '2021-04-16',
}

export const hotDates = [...versions.keys()]
export const hotVersions = [...versions.keys(), ...Object.keys(aliases)].sort()
export const hotDate = (version: string): string | undefined => versions.has(version) ? version : Object.hasOwn(aliases, version) ? aliases[version] : undefined

const maps = new Map<string, { functions: ReadonlyMap<string, Fn>, conditions: ReadonlyMap<string, Fn> }>()
const tableOf = (version: string) => {
  const date = hotDate(version.replace('heat_template_version.', ''))
  if (!date) throw new Error(`no such version: ${version}`)
  const known = maps.get(date)
  if (known) return known
  const of = (table: Table) => new Map(Object.entries(table).filter((entry): entry is [string, Fn] => entry[1] !== undefined))
  const made = { functions: of(versions.get(date)!.functions), conditions: of(versions.get(date)!.conditions) }
  maps.set(date, made)
  return made
}

export const hotFunctions = (version: string) => tableOf(version).functions
export const hotConditionFunctions = (version: string) => tableOf(version).conditions
/** Does it have a `conditions` section at all? */
export const hotConditional = (version: string) => tableOf(version).conditions.size > 0
