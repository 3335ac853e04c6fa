/** Nudges are this far apart, ms: a host on a busy network hears of its neighbours, not of each. */
const NUDGES = 1000
/** How long marks are remembered, ms: as long as what bears one can be good. */
const MARKS = 31 * 60_000

/**
 * One per host: holds nothing but waiting claims and the ids of calls seen in the last minute. A hint: losing it costs
 * one poll. `/enter?jti=&iat=` admits a call once; `/ring` wakes; `/nudge` wakes too, but of many in a row the first and
 * one for all the others; `/wait?bell=&seconds=` answers when the count moved,
 * with the header `work` when it was rung and not only nudged.
 * `/once?mark=&by=` takes each mark once: signatures of requests, one memory per access key.
 */
export class Doorbell {
  private bell = Date.now()
  private work = false
  private readonly born = Math.floor(Date.now() / 1000)
  private nudge?: ReturnType<typeof setTimeout>
  private quietUntil = 0
  private readonly waiting = new Set<(left?: true) => void>()
  private readonly seen = new Map<string, number>()
  private readonly marks = new Map<string, { at: number; by: Set<string> }>()

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const number = (name: string) => Number(url.searchParams.get(name))
    switch (url.pathname) {
      case '/ring':
        this.work = true
        this.ring()
        return new Response(String(this.bell))
      case '/nudge':
        if (Date.now() >= this.quietUntil) this.ring()
        else this.nudge ??= setTimeout(() => this.ring(), this.quietUntil - Date.now())
        return new Response(String(this.bell))
      case '/once': return this.once(url.searchParams.get('mark') ?? '', url.searchParams.get('by') ?? '')
      case '/enter': return this.enter(url.searchParams.get('jti') ?? '', number('iat'))
      case '/wait':
        // Whoever waited before has lost its connection: it must not take what is meant for this one.
        for (const leave of [...this.waiting]) leave(true)
        if (this.bell === number('bell') && await this.ringOr(number('seconds'))) return new Response('left')
        return this.told()
      default: return new Response(null, { status: 404 })
    }
  }

  /** Who is woken looks at everything, so what a nudge still had to say is said. */
  private ring() {
    clearTimeout(this.nudge)
    this.nudge = undefined
    this.quietUntil = Date.now() + NUDGES
    this.bell++
    for (const wake of this.waiting) wake()
  }

  private told(): Response {
    const { work } = this
    this.work = false
    return new Response(String(this.bell), work ? { headers: { work: '1' } } : {})
  }

  private enter(jti: string, iat: number): Response {
    const now = Math.floor(Date.now() / 1000)
    for (const [id, until] of this.seen) { if (until < now) this.seen.delete(id); else break }
    // What was said before this memory began could be said again: only its second is left open.
    if (this.seen.has(jti) || iat < this.born - 1) return new Response('replayed', { status: 409 })
    this.seen.set(jti, now + 125)
    return new Response(String(this.bell))
  }

  /**
   * A mark is taken once. Within two seconds also from somebody else (`by`; nobody says who that is when it is empty), since
   * what says when in whole seconds says the same for two who ask the same in one of them; after that from nobody.
   */
  private once(mark: string, by: string): Response {
    const now = Date.now()
    for (const [m, first] of this.marks) { if (first.at < now - MARKS || this.marks.size > 50_000) this.marks.delete(m); else break }
    const first = this.marks.get(mark)
    if (first && (now - first.at > 2000 || (by && first.by.has(by)))) return new Response(`replayed after ${now - first.at} ms${first.by.has(by) ? ', by the same' : ''}`, { status: 409 })
    if (first) first.by.add(by)
    else this.marks.set(mark, { at: now, by: new Set([by]) })
    return new Response('ok')
  }

  /** True: somebody newer waits now. */
  private ringOr(seconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (left?: true) => { clearTimeout(timer); this.waiting.delete(done); resolve(left === true) }
      const timer = setTimeout(() => done(), Math.min(25, Math.max(0, seconds)) * 1000)
      this.waiting.add(done)
    })
  }
}
