import type { Ctx } from '../../kernel/ctx.ts'
import { fresh } from '../answer.ts'
import { checkClasses, checkTraits, classesQuery, traitsQuery } from '../known.ts'
import { traitNames } from '../query.ts'
import { endpoint } from '../service.ts'
import { forestOf, forestQueries, type Forest } from './forest.ts'
import { candidates, type Pick } from './match.ts'
import { questionOf, type Question } from './request.ts'

export default endpoint({
  id: 'allocation_candidates.list', method: 'GET', path: '/allocation_candidates', since: '1.10', status: 200, summary: 'List ways to meet a request for resources', policy: 'placement:allocation_candidates:list',
  async handle(ctx, { query }) {
    const question = questionOf(query, ctx.version)
    const classes = [...new Set(question.groups.flatMap((g) => [...g.resources.keys()]))], traits = [...question.groups.flatMap((g) => traitNames(g.traits)), ...traitNames(question.root)]
    const [customClasses, customTraits, ...found] = await ctx.read(classesQuery(classes), traitsQuery(traits), ...forestQueries(classes))
    checkClasses(classes, customClasses)
    checkTraits(traits, customTraits)
    const forest = forestOf(found), answers = [...candidates(question, forest, ctx.version >= 1029)]
    fresh(ctx)
    return { allocation_requests: answers.map((picks) => request(ctx, picks)), provider_summaries: summaries(ctx, question, answers, forest) }
  },
})

function request(ctx: Ctx, picks: Pick[]) {
  const taken = new Map<string, Record<string, number>>()
  for (const p of picks) {
    if (p.class === undefined) continue
    const of = taken.get(p.node.id) ?? {}
    of[p.class] = (of[p.class] ?? 0) + p.amount
    taken.set(p.node.id, of)
  }
  if (ctx.version < 1012) return { allocations: [...taken].map(([uuid, resources]) => ({ resource_provider: { uuid }, resources })) }
  const mappings = Object.fromEntries([...Map.groupBy(picks, (p) => p.suffix)].map(([suffix, of]) => [suffix, [...new Set(of.map((p) => p.node.id))]]))
  return { allocations: Object.fromEntries([...taken].map(([id, resources]) => [id, { resources }])), ...(ctx.version >= 1034 && { mappings }) }
}

function summaries(ctx: Ctx, question: Question, answers: Pick[][], forest: Forest) {
  const used = new Set(answers.flatMap((picks) => picks.map((p) => p.node))), roots = new Set([...used].map((n) => n.root))
  const nested = ctx.version >= 1029, asked = (name: string) => ctx.version >= 1027 || question.groups.some((g) => g.resources.has(name))
  return Object.fromEntries([...forest.nodes.values()].filter((n) => (nested ? roots.has(n.root) : used.has(n))).map((n) => [n.id, {
    resources: Object.fromEntries([...n.stock].filter(([name]) => asked(name)).map(([name, s]) => [name, { capacity: s.capacity, used: s.used }])),
    ...(ctx.version >= 1017 && { traits: [...n.traits] }),
    ...(nested && { parent_provider_uuid: n.parent, root_provider_uuid: n.root }),
  }]))
}
