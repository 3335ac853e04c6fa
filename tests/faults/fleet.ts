import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { node, root } from '../../local/layout.ts'
import { Running, type Process } from '../harness/running.ts'
import { until } from '../steps.ts'
import { Disk } from './disk.ts'
import { Wire } from './wire.ts'

/** Room of the file system the hosts keep their state on, where it is one of their own. */
const MEGABYTES = 64

/**
 * A cloud whose simulated hosts are behind a wire of the test's, on a small disk of their own and with a clock that can be
 * set. `npm start` runs the control plane; the hosts' process is started here, and again whenever it ends.
 */
export class Fleet extends Running {
  readonly wire: Wire = new Wire(() => this.port)
  hosts = 3
  sim: object = {}
  /** Where the hosts' program is: here, or in a checkout of another release. */
  program = root
  #bridge?: ChildProcess
  #over = false
  #link = ''
  /** The folder stays as it is in the end. */
  kept = false
  /** The hosts' disk, where it can be filled. */
  disks: Disk[] = []

  static async simulated(hosts: number, sim: object): Promise<Fleet> {
    const { data, port } = await Running.make([])
    const c = new Fleet(data, port, ['--hypervisor', 'simulated', '--hosts', '0', '--no-host-packages'])
    c.hosts = hosts
    c.sim = sim
    return c
  }

  async begin(seconds = 60): Promise<void> {
    await this.start()
    this.#link = await this.wire.open()
    mkdirSync(this.state, { recursive: true })
    this.disks = [new Disk(this.state, { megabytes: MEGABYTES })].filter((d) => d.there)
    const { enrollment } = await this.call('admin', 'POST', '/hosts', { uses: this.hosts })
    this.#run(enrollment.token)
    await until('every host is up', seconds, async () => {
      const { hosts } = await this.call('admin', 'GET', '/hosts')
      return hosts.filter((h: { up: boolean; version?: string }) => h.up && h.version).length === this.hosts
    })
  }

  get state() { return path.join(this.data, 'bridge') }
  get #clock() { return path.join(this.data, 'run', 'clock') }
  setClock(seconds: number) { writeFileSync(this.#clock, String(seconds)) }

  #run(token?: string) {
    if (this.#over) return
    const log = openSync(path.join(this.data, 'log', 'bridge.log'), 'a')
    const child = this.#bridge = spawn(node, ['--disable-warning=ExperimentalWarning', '--import', path.join(root, 'tests/faults/shift.ts'), path.join(this.program, 'bridge/main.ts'), '--cloud', this.#link, '--state', this.state,
      '--hypervisor', 'simulated', '--hosts', String(this.hosts), '--name', 'sim'], {
      stdio: ['ignore', log, log], env: { ...process.env, VIRGA_SIM: JSON.stringify(this.sim), VIRGA_CLOCK: this.#clock, ...(token && { VIRGA_ENROLL: token }) },
    })
    closeSync(log)
    writeFileSync(path.join(this.data, 'run', 'bridge.pid'), `${child.pid}\n`)
    child.once('exit', () => { if (this.#bridge === child) setTimeout(() => this.#run(token), 100) })
  }

  #fresh = 0
  override kill(name: Process | 'runner', signal: NodeJS.Signals = 'SIGKILL') {
    if (name === 'bridge') this.#fresh = this.wire.fresh
    return super.kill(name, signal)
  }
  /** The hosts are back when they ask for work; how long a program takes to load is the machine's affair. */
  override async back(name: Process, not: number | undefined, seconds = 20) {
    await super.back(name, not, seconds)
    if (name === 'bridge') await until('the hosts ask for work', 60, async () => this.wire.fresh >= this.#fresh + this.hosts)
  }

  /** What must not be left when the test itself is ended. */
  abandon() {
    this.#over = true
    this.#bridge?.kill('SIGKILL')
    this.child?.kill()
    if (!this.kept) for (const d of this.disks) try { d.unmount('lazy') } catch { /* gone already */ }
  }

  override async reset(): Promise<void> {
    this.#over = true
    const bridge = this.#bridge
    if (bridge && bridge.exitCode === null && bridge.signalCode === null) {
      const ended = new Promise((done) => bridge.once('exit', done))
      bridge.kill('SIGTERM')
      await Promise.race([ended, sleep(8000).then(() => bridge.kill('SIGKILL'))])
    }
    this.wire.close()
    for (const d of this.disks.splice(0)) if (existsSync(d.dir)) d.unmount()
    await super.reset()
  }
}
