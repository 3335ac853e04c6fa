import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../harness/running.ts'
import { sh, until } from '../steps.ts'

export const cephPackages = ['ceph-mon', 'ceph-osd', 'ceph-common', 'radosgw']

/** One monitor, one OSD, one gateway, on loopback and in one folder: a whole Ceph as far as S3 goes. */
export class Ceph {
  readonly dir: string
  readonly keys: { accessKey: string; secretKey: string }
  #port = 0
  #children = new Map<string, ChildProcess>()

  constructor(dir: string, keys: { accessKey: string; secretKey: string }) { this.dir = dir; this.keys = keys }

  get url() { return `http://127.0.0.1:${this.#port}` }
  #file = (...names: string[]) => path.join(this.dir, ...names)
  #run = (command: string, ...args: string[]) => sh(command, ['--conf', this.#file('ceph.conf'), ...args], { timeout: 60_000 })

  async start(): Promise<void> {
    for (const name of ['mon', 'osd', 'rgw', 'run']) mkdirSync(this.#file(name), { recursive: true })
    const fsid = randomUUID(), osd = randomUUID(), mon = `[v2:127.0.0.1:${await freePort()}]`
    this.#port = await freePort()
    writeFileSync(this.#file('ceph.conf'), conf(this.dir, fsid, mon, this.#port))
    await sh('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', mon, this.#file('monmap')])
    await this.#run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', this.#file('monmap'))
    this.#spawn('ceph-mon', ['-i', 'a'])
    await this.#run('ceph', 'osd', 'new', osd, '0')
    await this.#run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd)
    this.#spawn('ceph-osd', ['-i', '0'])
    await until('the OSD', 60, async () => /\b1 up\b/.test((await this.#run('ceph', 'osd', 'stat')).stdout))
    await this.#run('radosgw-admin', 'user', 'create', '--uid', 'virga', '--display-name', 'virga', '--access-key', this.keys.accessKey, '--secret-key', this.keys.secretKey)
    await this.startGateway()
  }

  async startGateway(): Promise<void> {
    this.#spawn('radosgw', ['-n', 'client.rgw.a'])
    await until('radosgw', 60, async () => {
      if (this.#children.get('radosgw')?.exitCode !== null) throw new Error(this.tail('radosgw'))
      return (await fetch(this.url, { signal: AbortSignal.timeout(2000) })).ok
    })
  }

  /** In the foreground, and gone with this process whatever ends it. */
  #spawn(name: string, args: string[]): void {
    const log = openSync(this.#file(`${name}.out`), 'a')
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', name, '--conf', this.#file('ceph.conf'), '-f', ...args], { stdio: ['ignore', log, log] })
    closeSync(log)
    child.on('error', () => {})
    this.#children.set(name, child)
  }

  tail(name: string): string {
    try { return readFileSync(this.#file(`${name}.out`), 'utf8').slice(-1500) } catch { return '' }
  }

  async stop(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#children.get(name)
    this.#children.delete(name)
    if (!child || child.exitCode !== null || child.signalCode) return
    const gone = new Promise<true>((done) => child.once('exit', () => done(true)))
    child.kill(signal)
    if (await Promise.race([gone, sleep(5000)])) return
    child.kill('SIGKILL')
    await gone
  }

  /** What it held is not wanted any more, so nothing is flushed. */
  async remove(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((name) => this.stop(name, 'SIGKILL')))
    rmSync(this.dir, { recursive: true, force: true })
  }
}

// "ms mon client mode": radosgw otherwise insists on encryption towards the monitor, which cannot be without cephx.
const conf = (dir: string, fsid: string, mon: string, port: number) => `[global]
fsid = ${fsid}
mon host = ${mon}
public addr = 127.0.0.1
ms bind msgr1 = false
ms mon client mode = crc
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd max object name len = 256
osd max object namespace len = 64
mon allow pool size one = true
mon data = ${dir}/mon
osd data = ${dir}/osd
osd objectstore = bluestore
bluestore block size = 8589934592
osd memory target = 939524096
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${dir}/rgw
run dir = ${dir}/run
log file = ${dir}/$name.log
admin socket = ${dir}/run/$name.asok
pid file = ${dir}/run/$name.pid
`
