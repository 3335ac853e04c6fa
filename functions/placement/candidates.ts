import type { Ctx } from '../kernel/ctx.ts'
import { invalid } from '../kernel/fault.ts'
import { badValue, capacity, fitsMembers, fitsTraits, fresh, memberWish, resourcesOf, survey, takes, traitWish, v, type MemberWish, type Surveyed, type TraitWish } from './model.ts'
import { endpoint } from './service.ts'

/** One group of a question: the unsuffixed one may be spread over a tree, a suffixed one is met by one provider. */
interface Group { suffix: string; resources: Map<string, number>; traits: TraitWish; members: MemberWish; tree?: string }
type Pick = { group: Group; cls: string; amount: number; from: Surveyed }
const MOST = 1000

function groupsOf(ctx: Ctx, query: URLSearchParams, classes: { name: string }[], traitNames: { name: string }[]): Group[] {
  const suffixed = ctx.version >= v(33) ? /^(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?$/ : ctx.version >= v(25) ? /^(resources|required|member_of|in_tree)([1-9][0-9]*)?$/ : /^(resources|required|member_of|in_tree)()$/
  const since: Record<string, number> = { required: v(17), member_of: v(21), in_tree: v(31), limit: v(16), group_policy: v(25), root_required: v(35), same_subtree: v(36) }
  const suffixes = new Set<string>()
  for (const key of query.keys()) {
    const m = suffixed.exec(key), name = m?.[1] ?? key
    if ((!m && !['limit', 'group_policy', 'root_required', 'same_subtree'].includes(key)) || (since[name] && ctx.version < since[name])) throw badValue(`Invalid query string parameters: '${key}' was unexpected`)
    if (m) suffixes.add(m[2] ?? '')
  }
  return [...suffixes].map((suffix) => {
    const text = query.get(`resources${suffix}`)
    if (!text && (ctx.version < v(36) || !suffix)) throw badValue(`All traits and member_of of a request group need resources: resources${suffix} is missing.`)
    const tree = query.get(`in_tree${suffix}`) ?? undefined
    return { suffix, resources: text ? resourcesOf(text, classes) : new Map<string, number>(), traits: traitWish(query.getAll(`required${suffix}`), ctx.version, traitNames), members: memberWish(query.getAll(`member_of${suffix}`), ctx.version), tree }
  })
}

/** Every way, up to a bound, in which one tree meets all groups. */
function* ways(tree: Surveyed[], groups: Group[], isolate: boolean): Generator<Pick[]> {
  const [first, ...rest] = groups
  if (!first) { yield []; return }
  for (const mine of waysOf(tree, first)) {
    for (const others of ways(tree, rest, isolate)) {
      const clash = isolate && first.suffix && others.some((o) => o.group.suffix && mine.some((m) => m.from === o.from))
      if (!clash && within([...mine, ...others])) yield [...mine, ...others]
    }
  }
}
function* waysOf(tree: Surveyed[], g: Group): Generator<Pick[]> {
  const wanted = [...g.resources]
  if (g.suffix) {
    for (const x of tree) if (fitsTraits(x.traits, g.traits) && fitsMembers(x.aggregates, g.members) && wanted.every(([c, n]) => takes(x, c, n))) yield wanted.map(([cls, amount]) => ({ group: g, cls, amount, from: x }))
    return
  }
  const root = tree[0], usable = tree.filter((x) => fitsMembers(x.aggregates, g.members) || fitsMembers(root.aggregates, g.members)).filter((x) => !g.traits.none.some((n) => x.traits.has(n)))
  function* spread(at: number): Generator<Pick[]> {
    if (at === wanted.length) { yield []; return }
    const [cls, amount] = wanted[at]
    for (const x of usable) if (takes(x, cls, amount)) for (const others of spread(at + 1)) yield [{ group: g, cls, amount, from: x }, ...others]
  }
  for (const picks of spread(0)) {
    const traits = new Set(picks.flatMap((p) => [...p.from.traits]))
    if (g.traits.all.every((set) => set.some((n) => traits.has(n)))) yield picks
  }
}
/** Two groups on one provider must fit together. */
const within = (picks: Pick[]) => [...Map.groupBy(picks, (p) => `${p.from.p.id} ${p.cls}`).values()].every((list) => list.length === 1 || takes(list[0].from, list[0].cls, list.reduce((n, p) => n + p.amount, 0)))

export default endpoint({
  id: 'candidates', method: 'GET', path: '/allocation_candidates', since: '1.10', status: 200, summary: 'Ways in which a request for resources could be met', policy: 'placement:allocation_candidates:list',
  async handle(ctx, { query }) {
    const world = await survey(ctx), groups = groupsOf(ctx, query, world.classes, world.traitNames), policy = query.get('group_policy'), limit = query.get('limit')
    if (!groups.length) throw invalid("Invalid query string parameters: 'resources' is a required property", { type: 'placement.query.missing_value' })
    if (limit !== null && !/^[1-9]\d*$/.test(limit)) throw badValue(`Invalid query string parameters: '${limit}' is not a positive integer for limit`)
    if (policy !== null && policy !== 'none' && policy !== 'isolate') throw badValue(`Invalid query string parameters: '${policy}' is not one of ['none', 'isolate']`)
    if (groups.filter((g) => g.suffix && g.resources.size).length > 1 && !policy) throw badValue('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.')
    const rootTraits = traitWish(query.getAll('root_required'), ctx.version, world.traitNames)
    const subtrees = query.getAll('same_subtree').map((s) => s.split(','))
    for (const s of subtrees.flat()) if (!groups.some((g) => g.suffix === s)) throw badValue(`Real suffixes should be specified in same_subtree: ${s} is not found in query.`)
    const trees = [...Map.groupBy(world.providers, (x) => x.p.root)].map(([root, list]) => [...list].sort((a) => (a.p.id === root ? -1 : 1))).filter(([root]) => fitsTraits(root.traits, rootTraits))
    const found: Pick[][] = [], most = Math.min(MOST, limit === null ? MOST : Number(limit)), parents = new Map(world.providers.map((x) => [x.p.id, x.p.parent]))
    search: for (const tree of trees) {
      const list = groups.filter((g) => g.resources.size)
      if (list.some((g) => g.tree && !tree.some((x) => x.p.id === g.tree))) continue
      for (const picks of ways(ctx.version < v(29) ? tree.slice(0, 1) : tree, list, policy === 'isolate')) {
        if (!subtrees.every((names) => sameSubtree(picks.filter((p) => names.includes(p.group.suffix)).map((p) => p.from.p.id), parents))) continue
        found.push(picks)
        if (found.length >= most) break search
      }
    }
    fresh(ctx)
    return { allocation_requests: found.map((picks) => requestOf(ctx, picks)), provider_summaries: summaries(ctx, world.providers, found, groups) }
  },
})

/** One of them is above all others. */
function sameSubtree(ids: string[], parents: Map<string, string | null>) {
  const above = (id: string) => { const out = [id]; for (let at = parents.get(id); at; at = parents.get(at)) out.push(at); return out }
  return !ids.length || ids.some((top) => ids.every((id) => above(id).includes(top)))
}
function requestOf(ctx: Ctx, picks: Pick[]) {
  const resources = [...Map.groupBy(picks, (p) => p.from.p.id)].map(([id, list]) => {
    const sums: Record<string, number> = {}
    for (const p of list) sums[p.cls] = (sums[p.cls] ?? 0) + p.amount
    return [id, { resources: sums }] as const
  })
  if (ctx.version < v(12)) return { allocations: resources.map(([id, r]) => ({ resource_provider: { uuid: id }, ...r })) }
  const mappings = Object.fromEntries([...Map.groupBy(picks, (p) => p.group.suffix)].map(([suffix, list]) => [suffix, [...new Set(list.map((p) => p.from.p.id))]]))
  return { allocations: Object.fromEntries(resources), ...(ctx.version >= v(34) ? { mappings } : {}) }
}
function summaries(ctx: Ctx, providers: Surveyed[], found: Pick[][], groups: Group[]) {
  const used = new Set(found.flatMap((picks) => picks.map((p) => p.from.p.id))), roots = new Set(found.flatMap((picks) => picks.map((p) => p.from.p.root)))
  const asked = new Set(groups.flatMap((g) => [...g.resources.keys()]))
  return Object.fromEntries(providers.filter((x) => (ctx.version >= v(29) ? roots.has(x.p.root) : used.has(x.p.id))).map((x) => [x.p.id, {
    resources: Object.fromEntries(x.inventories.filter((i) => ctx.version >= v(27) || asked.has(i.class)).map((i) => [i.class, { capacity: capacity(i), used: x.used.get(i.class) ?? 0 }])),
    ...(ctx.version >= v(17) ? { traits: [...x.traits].sort() } : {}), ...(ctx.version >= v(29) ? { parent_provider_uuid: x.p.parent, root_provider_uuid: x.p.root } : {}),
  }]))
}
