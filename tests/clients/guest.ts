import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { sh, until } from '../steps.ts'

const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', '-o', 'LogLevel=ERROR', '-o', 'IdentitiesOnly=yes', '-F', 'none']

/** A guest, reached as its user reaches it: `ssh -i KEY root@ADDRESS`. */
export class Guest {
  readonly address: string
  readonly key: string
  constructor(address: string, key: string) { this.address = address; this.key = key }
  #args(command: string) { return ['-i', this.key, ...options, `root@${this.address}`, command] }

  async run(command: string, input?: string): Promise<string> { return (await sh('ssh', this.#args(command), { timeout: 120_000, input })).stdout.trim() }
  /** Logs in as soon as it can be. */
  up(seconds = 150): Promise<string> { return until(`ssh root@${this.address}`, seconds, () => this.run('hostname')) }
  reachable(port = 22, ms = 3000): Promise<boolean> {
    return new Promise((told) => {
      const s = connect({ host: this.address, port })
      const over = (open: boolean) => { s.destroy(); told(open) }
      s.setTimeout(ms, () => over(false)).once('connect', () => over(true)).once('error', () => over(false))
    })
  }
  pings(count = 2): Promise<boolean> { return sh('ping', ['-c', String(count), '-i', '0.3', '-W', '2', this.address], { fails: true }).then((r) => r.code === 0) }

  /** Puts files of this machine, by their full names, where they are here. */
  put(...files: string[]) { return sh('sh', ['-c', 'tar -czhf - -C / "$@" | ssh $OPTIONS "tar -xzf - -C /"', 'sh', ...files.map((f) => f.slice(1))], { timeout: 120_000, env: { ...process.env, OPTIONS: this.#args('').slice(0, -1).join(' ') } }) }

  /** A session in which the guest talks all the time. */
  talk(): Flow { return new Flow(spawn('ssh', this.#args('while :; do echo tick; sleep 0.2; done'), { stdio: ['ignore', 'pipe', 'ignore'] })) }
}

export class Flow {
  readonly child: ChildProcess
  last = 0
  constructor(child: ChildProcess) {
    this.child = child
    child.stdout!.on('data', () => { this.last = performance.now() })
  }
  /** Milliseconds since it was last heard. */
  get silence() { return performance.now() - this.last }
  end() { this.child.kill('SIGKILL') }
}
