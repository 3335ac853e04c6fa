import { once } from 'node:events'
import { WebSocket } from 'ws'
import { until } from '../steps.ts'
import { equal, matches } from './cli.ts'
import { need, type Story } from './story.ts'

/** A WebSocket whose bytes are kept. */
class Line {
  heard = Buffer.alloc(0)
  readonly socket: WebSocket
  constructor(url: string, origin?: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, origin })
    this.socket.on('message', (m: Buffer) => { this.heard = Buffer.concat([this.heard, m]) })
  }
  open = () => once(this.socket, 'open')
  say(what: Buffer | string) { this.socket.send(Buffer.from(what)) }
  take = (bytes: number) => until(`${bytes} bytes`, 15, async () => {
    if (this.heard.length < bytes) return undefined
    const out = this.heard.subarray(0, bytes)
    this.heard = this.heard.subarray(bytes)
    return out
  })
}

/** The screen by the addresses that the client is given, spoken to as a browser's script would, and the serial line. */
export async function consoles(s: Story) {
  const { steps, demo, real } = s
  const ask = async (kind: string) => (await demo.json<{ url: string }>('console', 'url', 'show', kind, need(s.one, 'the server'))).url
  await steps.step('openstack console url show --novnc: a page, and behind it the screen; once', async () => {
    const url = new URL(await ask('--novnc')), page = await fetch(url)
    equal('the page', [page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8'])
    const script = /src="([^"]+)"/.exec(await page.text())![1]
    matches('its script', await (await fetch(new URL(script, url))).text(), /RFB/)
    const address = `ws://${url.host}/${url.searchParams.get('path')}`
    await new Line(address, 'https://elsewhere.example').open().then(() => { throw new Error('a page from elsewhere was let in') }, (e: Error) => matches('to a page from elsewhere', e.message, /403/))
    const screen = new Line(address, url.origin)
    await screen.open()
    const version = await screen.take(12)
    equal('what it speaks', version.toString(), 'RFB 003.008\n')
    screen.say(version)
    const [kinds] = await screen.take(1)
    matches('without a password of its own', [...await screen.take(kinds)].join(), /\b1\b/)
    screen.say(Buffer.from([1]))
    equal('the handshake', (await screen.take(4)).readUInt32BE(), 0)
    screen.say(Buffer.from([1]))
    const head = await screen.take(24), width = head.readUInt16BE(0), height = head.readUInt16BE(2)
    matches('its title', (await screen.take(head.readUInt32BE(20))).toString(), real ? /virga|one|QEMU/i : /simulated/)
    const look = Buffer.alloc(10)
    look[0] = 3
    look.writeUInt16BE(width, 6)
    look.writeUInt16BE(height, 8)
    screen.say(look)
    // Raw: no other encoding was asked for.
    equal('a picture', (await screen.take(4))[0], 0)
    await until('all of it', 20, async () => screen.heard.length >= width * height * head[4] / 8)
    screen.socket.close()
    await new Line(address, url.origin).open().then(() => { throw new Error('the address was good twice') }, (e: Error) => matches('the second time', e.message, /404/))
  })
  await steps.step('openstack console url show --serial: what is typed arrives, and the guest answers; who comes later takes over', async () => {
    const lines: Line[] = []
    for (let n = 0; n < 2; n++) {
      const line = new Line(await ask('--serial'))
      await line.open()
      // A guest's side listens for who opened the line only now and then.
      await until('an answer', 30, async () => { line.say('\r'); return real ? /login:/.test(line.heard.toString()) : line.heard.includes('\r') })
      lines.push(line)
    }
    await until('the first being cut off', 10, async () => lines[0].socket.readyState === WebSocket.CLOSED)
    lines[1].socket.close()
  })
}
