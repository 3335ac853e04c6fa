/** Nudges are this far apart, ms: a host on a busy network hears of its neighbours, not of each. */
const NUDGES = 1000

/**
 * One per host: holds nothing but waiting claims and the ids of calls seen in the last minute. A hint: losing it costs
 * one poll. `/enter?jti=&iat=` admits a call once; `/ring` wakes; `/nudge` wakes too, but of many in a row the first and
 * one for all the others; `/wait?bell=&seconds=` answers when the count moved.
 */
export class Doorbell {
  private bell = Date.now()
  private readonly born = Math.floor(Date.now() / 1000)
  private nudge?: ReturnType<typeof setTimeout>
  private quietUntil = 0
  private readonly waiting = new Set<() => void>()
  private readonly seen = new Map<string, number>()

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const number = (name: string) => Number(url.searchParams.get(name))
    switch (url.pathname) {
      case '/ring':
        this.ring()
        return new Response(String(this.bell))
      case '/nudge':
        if (Date.now() >= this.quietUntil) this.ring()
        else this.nudge ??= setTimeout(() => this.ring(), this.quietUntil - Date.now())
        return new Response(String(this.bell))
      case '/enter': return this.enter(url.searchParams.get('jti') ?? '', number('iat'))
      case '/wait':
        if (this.bell === number('bell')) await this.ringOr(number('seconds'))
        return new Response(String(this.bell))
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

  private enter(jti: string, iat: number): Response {
    const now = Math.floor(Date.now() / 1000)
    for (const [id, until] of this.seen) { if (until < now) this.seen.delete(id); else break }
    // What was said before this memory began could be said again: only its second is left open.
    if (this.seen.has(jti) || iat < this.born - 1) return new Response('replayed', { status: 409 })
    this.seen.set(jti, now + 125)
    return new Response(String(this.bell))
  }

  private ringOr(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => { clearTimeout(timer); this.waiting.delete(done); resolve() }
      const timer = setTimeout(done, Math.min(25, Math.max(0, seconds)) * 1000)
      this.waiting.add(done)
    })
  }
}
