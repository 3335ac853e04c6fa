import { spawn, type ChildProcess } from 'node:child_process'
import { sh, until } from '../steps.ts'

/** Somebody in the outside world: a namespace of its own on the cloud's external network, who answers every call with the caller's address. */
export class Outside {
  readonly ns: string
  readonly bridge: string
  readonly address: string
  readonly port = 8000
  #child?: ChildProcess
  #heard = ''
  constructor(tag: string, cidr: string) { this.ns = `vto${tag}`; this.bridge = `v${tag}ext`; this.address = cidr.replace(/\.0\/24$/, '.5') }

  async open() {
    const ip = (...args: string[]) => sh('ip', args)
    await until('the external bridge', 30, () => ip('link', 'show', this.bridge).then(() => true))
    await ip('netns', 'add', this.ns)
    await ip('link', 'add', this.ns, 'type', 'veth', 'peer', 'name', 'out', 'netns', this.ns)
    await ip('link', 'set', this.ns, 'master', this.bridge, 'up')
    await ip('-n', this.ns, 'addr', 'add', `${this.address}/24`, 'dev', 'out')
    await ip('-n', this.ns, 'link', 'set', 'out', 'up')
    const program = `require('http').createServer((q, a) => { console.log(q.socket.remoteAddress + ' ' + q.url); a.end('you are ' + q.socket.remoteAddress + '\\n') }).listen(${this.port}, '0.0.0.0', () => console.log('up'))`
    const child = this.#child = spawn('ip', ['netns', 'exec', this.ns, process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout!.on('data', (d) => { this.#heard += d })
    await until('the listener outside', 10, async () => this.#heard.includes('up'))
  }
  /** Who asked for this path, by address. */
  heard(path: string): string[] { return this.#heard.split('\n').filter((l) => l.endsWith(` ${path}`)).map((l) => l.split(' ')[0]) }
  get url() { return `http://${this.address}:${this.port}` }

  async close() {
    this.#child?.kill('SIGKILL')
    await sh('ip', ['link', 'del', this.ns], { fails: true })
    await sh('ip', ['netns', 'del', this.ns], { fails: true })
  }
}
