import type { Env } from '../kernel/env.ts'

interface End extends WebSocket { accept(): void }
declare const WebSocketPair: new () => { 0: End; 1: End }

/** How long somebody waits for the host, ms. */
const PATIENCE = 30_000

/**
 * One per session: the two ends of one pipe, the first for who asked, the second for the host it was promised to. Neither is
 * opened here: what flows between them never passes through this code, and who reads slowly slows the other down.
 * `/wait?host=` gives the first away, `/come?host=` the second, once; `/leave?why=` closes.
 */
export class Console {
  private waiting?: { host: string; end: End; timer: ReturnType<typeof setTimeout> }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url), host = searchParams.get('host') ?? ''
    switch (pathname) {
      case '/wait': {
        const pair = new WebSocketPair()
        this.waiting = { host, end: pair[1], timer: setTimeout(() => this.leave('the host of this server did not come'), PATIENCE) }
        return new Response(null, { status: 101, webSocket: pair[0] } as ResponseInit)
      }
      case '/come': {
        if (this.waiting?.host !== host) return new Response(null, { status: 404 })
        return new Response(null, { status: 101, webSocket: this.take()!.end } as ResponseInit)
      }
      case '/leave': {
        this.leave(searchParams.get('why') ?? '')
        return new Response('left')
      }
      default: return new Response(null, { status: 404 })
    }
  }

  private take() {
    const { waiting } = this
    clearTimeout(waiting?.timer)
    this.waiting = undefined
    return waiting
  }
  private leave(why: string) {
    const left = this.take()
    left?.end.accept()
    left?.end.close(1011, why)
  }
}

/** Where the two of one session meet; undefined where the platform has no such place. */
export function meeting(of: { env: Env }, session: string) {
  const space = of.env.CONSOLE
  const ask = (path: string, init?: RequestInit) => space!.get(space!.idFromName(session)).fetch(`http://console${path}`, init)
  const upgrade = { headers: { upgrade: 'websocket' } }
  return space && {
    wait: (host: string) => ask(`/wait?host=${encodeURIComponent(host)}`, upgrade),
    come: (host: string) => ask(`/come?host=${encodeURIComponent(host)}`, upgrade),
    leave: (why: string) => ask(`/leave?why=${encodeURIComponent(why)}`),
  }
}
