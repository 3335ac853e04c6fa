import { isAbove, meets, reach, type Forest, type Node } from './forest.ts'
import type { Group, Question } from './request.ts'

export interface Pick { suffix: string; node: Node; class?: string; amount: number }
/** Answers beyond this many, or found after this many steps, are of no use to anyone who asks: the rest is left out. */
const MOST = 10_000, STEPS = 500_000

/** Every way in which the forest meets the question: each group in the same tree, or lent to it. */
export function* candidates(question: Question, forest: Forest, nested: boolean): Generator<Pick[]> {
  const budget = { steps: STEPS }, seen = new Set<string>()
  const most = Math.min(question.limit ?? MOST, MOST)
  for (const [root, tree] of forest.trees) {
    const top = forest.nodes.get(root)!, { required, forbidden } = question.root
    if (!required.every((any) => meets(top.traits, any)) || meets(top.traits, forbidden)) continue
    const pool = reach(tree, forest)
    const choices = question.groups.map((g) => () => ways(g, pool, top, forest, budget))
    for (const picks of product(choices, [], question.isolate, budget)) {
      if (!nested && new Set(picks.map((p) => p.node.id)).size > new Set(picks.map((p) => p.node.root)).size) continue
      if (!question.subtrees.every((suffixes) => together(picks.filter((p) => suffixes.has(p.suffix)), forest))) continue
      const name = picks.map((p) => `${p.suffix} ${p.node.id} ${p.class} ${p.amount}`).sort().join()
      if (seen.has(name)) continue
      seen.add(name)
      yield picks
      if (seen.size >= most) return
    }
  }
}

/** One way of each, as long as all of it fits at once. */
function* product(choices: (() => Iterable<Pick[]>)[], sofar: Pick[], isolate: boolean, budget: { steps: number }): Generator<Pick[]> {
  if (!choices.length) { yield sofar; return }
  for (const way of choices[0]()) {
    if (budget.steps-- < 0) return
    if (isolate && way.some((p) => p.suffix && sofar.some((s) => s.suffix && s.suffix !== p.suffix && s.node === p.node))) continue
    const all = [...sofar, ...way]
    if (fitsAtOnce(all)) yield* product(choices.slice(1), all, isolate, budget)
  }
}

function* ways(g: Group, pool: Node[], root: Node, forest: Forest, budget: { steps: number }): Generator<Pick[]> {
  const home = g.tree === undefined ? undefined : forest.nodes.get(g.tree)?.root ?? 'nowhere'
  const open = pool.filter((n) => (home === undefined || n.root === home) && !meets(n.traits, g.traits.forbidden) && isMember(g, n, root))
  if (g.suffix) {
    for (const node of open) {
      if (!g.traits.required.every((any) => meets(node.traits, any)) || ![...g.resources].every(([name, amount]) => fits(node, name, amount))) continue
      yield g.resources.size ? [...g.resources].map(([name, amount]) => ({ suffix: g.suffix, node, class: name, amount })) : [{ suffix: g.suffix, node, amount: 0 }]
    }
  } else if (home === undefined || home === root.id) {
    for (const picks of spread([...g.resources], open, [], budget)) {
      if (g.traits.required.every((any) => picks.some((p) => meets(p.node.traits, any)))) yield picks
    }
  }
}
/** Each class from some provider. */
function* spread(wanted: [string, number][], open: Node[], sofar: Pick[], budget: { steps: number }): Generator<Pick[]> {
  if (!wanted.length) { yield sofar; return }
  const [name, amount] = wanted[0]
  for (const node of open) {
    if (budget.steps-- < 0) return
    if (fits(node, name, amount)) yield* spread(wanted.slice(1), open, [...sofar, { suffix: '', node, class: name, amount }], budget)
  }
}

/** An aggregate of the root covers the whole tree, for the group without suffix. */
function isMember({ suffix, member }: Group, n: Node, root: Node) {
  const places = suffix ? [n] : [n, root]
  return member.required.every((any) => places.some((p) => meets(p.aggregates, any))) && !places.some((p) => meets(p.aggregates, member.forbidden))
}
function fits(n: Node, name: string, amount: number) {
  const s = n.stock.get(name)
  return s !== undefined && amount >= s.minUnit && amount <= s.maxUnit && amount % s.stepSize === 0 && s.used + amount <= s.capacity
}
function fitsAtOnce(picks: Pick[]) {
  const sums = new Map<string, number>()
  return picks.every((p) => {
    if (p.class === undefined) return true
    const key = `${p.node.id} ${p.class}`, sum = (sums.get(key) ?? 0) + p.amount, s = p.node.stock.get(p.class)!
    sums.set(key, sum)
    return s.used + sum <= s.capacity && sum <= s.maxUnit
  })
}
/** One of them is above all the others, or is them all. */
const together = (picks: Pick[], forest: Forest) => picks.some((top) => picks.every((p) => isAbove(top.node.id, p.node.id, forest)))
