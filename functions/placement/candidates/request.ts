import { invalid } from '../../kernel/fault.ts'
import { badValue } from '../answer.ts'
import { amounts, known, memberships, traits, tree, type Amounts, type Wanted } from '../query.ts'
import { code } from '../service.ts'

/** What is asked for together. With a suffix: of one provider. Without: of any in a tree. */
export interface Group { suffix: string; resources: Amounts; traits: Wanted; member: Wanted; tree?: string }
export interface Question { groups: Group[]; limit?: number; isolate: boolean; root: Wanted; subtrees: Set<string>[] }

const since: Record<string, number> = { resources: 1010, limit: 1016, required: 1017, member_of: 1021, group_policy: 1025, in_tree: 1031, root_required: 1035, same_subtree: 1036 }
const grouped = /^(resources|required|member_of|in_tree)(.*)$/
const suffixOf = (version: number) => version >= 1033 ? /^([a-zA-Z0-9_-]{1,64})?$/ : version >= 1025 ? /^([1-9][0-9]*)?$/ : /^$/

export function questionOf(query: URLSearchParams, version: number): Question {
  const suffixes = new Set<string>()
  known(query, (name) => {
    if (Object.hasOwn(since, name) && !grouped.test(name)) return version >= since[name]
    const m = grouped.exec(name)
    if (!m || version < since[m[1]] || !suffixOf(version).test(m[2])) return false
    suffixes.add(m[2])
    return true
  })
  const groups = [...suffixes].map((suffix): Group => {
    const resources = query.getAll(`resources${suffix}`).at(-1), within = query.getAll(`in_tree${suffix}`).at(-1)
    return {
      suffix, resources: resources === undefined ? new Map() : amounts(resources), traits: traits(query.getAll(`required${suffix}`), version),
      member: memberships(query.getAll(`member_of${suffix}`), version), tree: within === undefined ? undefined : tree(within, `in_tree${suffix}`),
    }
  })
  const subtrees = query.getAll('same_subtree').map((s) => new Set(s.split(',').map((x) => x.trim())))
  checkGroups(groups, subtrees, version)
  const policy = query.get('group_policy'), limit = query.get('limit'), roots = query.getAll('root_required')
  if (policy !== null && policy !== 'none' && policy !== 'isolate') throw invalid(`Invalid query string parameters: group_policy is none or isolate, not ${policy}.`)
  if (policy === null && groups.filter((g) => g.suffix).length > 1) throw invalid('The group_policy parameter is required when there is more than one group of resources with a suffix.')
  if (limit !== null && !/^[1-9][0-9]{0,8}$/.test(limit)) throw invalid(`Invalid query string parameters: limit is a positive integer, not ${limit}.`)
  if (roots.length > 1) throw invalid('Query parameter root_required may be specified only once.', { type: code.twice })
  // No `in:` here, whatever the version.
  const root = traits(roots, Math.min(version, 1038))
  if (clash(root)) throw badValue(`Conflicting required and forbidden traits found in root_required: ${roots[0]}`)
  return { groups, limit: limit === null ? undefined : Number(limit), isolate: policy === 'isolate', root, subtrees }
}

const clash = (w: Wanted) => w.required.some((any) => [...any].every((n) => w.forbidden.has(n)))

function checkGroups(groups: Group[], subtrees: Set<string>[], version: number) {
  const empty = groups.filter((g) => !g.resources.size), named = new Set(subtrees.flatMap((s) => [...s]))
  if (empty.length === groups.length) throw invalid('There must be at least one resources or resources$SUFFIX parameter.', { type: code.missingValue })
  if (named.has('')) throw badValue('The group without a suffix cannot be in same_subtree.')
  const strange = [...named].filter((s) => !groups.some((g) => g.suffix === s))
  if (strange.length) throw badValue(`Real suffixes must be given in same_subtree: there is no group ${strange.join(', ')}.`)
  const orphans = empty.filter((g) => version < 1036 || !named.has(g.suffix)).map((g) => g.suffix || 'without suffix')
  if (orphans.length) throw badValue(`Each group must ask for resources${version >= 1036 ? ', or be in same_subtree' : ''}: group ${orphans.join(', ')} does not.`)
  const torn = groups.filter((g) => clash(g.traits)).map((g) => `required${g.suffix}`)
  if (torn.length) throw invalid(`Conflicting required and forbidden traits found in: ${torn.join(', ')}.`)
}
