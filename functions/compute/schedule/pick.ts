import { type Candidate } from './hosts.ts'
import { filters, type Wish } from './filters.ts'
import { weights } from './weighers.ts'

/** Hosts this near the best are as good: choosing among them at random keeps parallel creates from crowding one. */
const NEAR = 0.25

/** The host for a server, or undefined; `random` in 0…1. */
export function pick(hosts: Candidate[], wish: Wish, random: number): Candidate | undefined {
  const fit = hosts.filter((h) => Object.values(filters).every((f) => f(h, wish)))
  if (!fit.length) return undefined
  const weight = weights(fit, wish), best = Math.max(...weight)
  const good = fit.filter((_, i) => weight[i] >= best - NEAR)
  return good[Math.min(good.length - 1, Math.floor(random * good.length))]
}
