/** Numbers that look random and follow from a seed (mulberry32), so that a run can be made again. */
export class Chance {
  #state: number
  constructor(seed: number) { this.#state = seed >>> 0 }
  /** Of one trial of many: what came before it makes no difference. */
  static of(seed: number, trial: number) { return new Chance(Math.imul(seed, 0x9e3779b1) ^ Math.imul(trial + 1, 0x85ebca6b)) }
  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  below(n: number): number { return Math.floor(this.next() * n) }
  of<T>(all: readonly T[]): T { return all[this.below(all.length)] }
  /** Takes some out of a list. */
  take<T>(from: T[], n: number): T[] { return Array.from({ length: Math.min(n, from.length) }, () => from.splice(this.below(from.length), 1)[0]) }
  /** Numbers of their own, for what draws at moments that nobody decides. */
  fork(): Chance { return new Chance(this.below(0x7fffffff)) }
}
