/** What holds a lane: when it really ended, and when it should have. */
interface Turn { ended: Promise<unknown>; overdue: Promise<unknown> }

/** Work of one lane runs strictly one after the other, in the order it came; lanes do not know each other. */
export class Lanes {
  readonly #last = new Map<string, Turn>()

  /**
   * Waits for the lane, then runs. Work that is `overdue` keeps the lane until it really ends, whatever was reported
   * about it; who waits behind such work is told so instead of waiting for ever.
   */
  run<T>(lane: string, work: () => Promise<T>, overdue: Promise<void>): Promise<T> {
    const before = this.#last.get(lane)
    const refused = Promise.withResolvers<void>()
    const own = (async () => {
      if (before && !(await Promise.race([before.ended.then(() => true), before.overdue.then(() => false)]))) {
        refused.resolve()
        throw new Error('an earlier job of the same lane does not end')
      }
      return work()
    })()
    const turn: Turn = { ended: Promise.allSettled([before?.ended, own]), overdue: Promise.race([overdue, refused.promise]) }
    this.#last.set(lane, turn)
    turn.ended.then(() => { if (this.#last.get(lane) === turn) this.#last.delete(lane) })
    return own
  }
}
