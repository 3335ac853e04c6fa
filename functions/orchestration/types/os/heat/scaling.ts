import { equal } from '../../../engine/work.ts'
import type { Json } from '../../../template/index.ts'

/** Sizes and members of scaling groups, worked out apart from any stack. */
export type Members = Record<string, Json>
export const bounded = (n: number, min: number, max: number) => Math.max(min, Math.min(max, n))

export type Adjustment = 'change_in_capacity' | 'exact_capacity' | 'percent_change_in_capacity'
/** The size after an adjustment: parts of a member count as a whole one, away from nothing. */
export function adjusted(size: number, by: number, how: Adjustment, step: number | undefined): number {
  if (how === 'exact_capacity') return Math.trunc(by)
  if (how === 'change_in_capacity') return size + Math.trunc(by)
  const part = (size * by) / 100
  let delta = Math.abs(part) < 1 ? (part > 0 ? 1 : part < 0 ? -1 : 0) : Math.trunc(part)
  if (step !== undefined && Math.abs(delta) < step) delta = delta < 0 || by < 0 ? -step : step
  return size + delta
}

/** The next members on the way to so many of this kind: the oldest go first, at most `batch` are changed at once. `more`: it is not the last step. */
export function next(have: Members, want: Json, target: number, batch: number, fresh: () => string): { members: Members; more: boolean } {
  const kept = Object.keys(have).slice(Math.max(0, Object.keys(have).length - target)), members: Members = {}
  let left = batch, more = false
  for (const n of kept) {
    if (equal(have[n], want)) members[n] = want
    else if (left-- > 0) members[n] = want
    else { members[n] = have[n]; more = true }
  }
  while (Object.keys(members).length < target) members[fresh()] = want
  return { members, more }
}
