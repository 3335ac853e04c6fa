import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { datapathType } from '../../bridge/network/vswitch.ts'
import { run, unable, until } from './lab.ts'

const schema = '/usr/share/openvswitch/vswitch.ovsschema'
export const unswitched = (): string | undefined => {
  for (const tool of ['ovs-vswitchd', 'ethtool']) try { execFileSync('sh', ['-c', `command -v ${tool}`]) } catch { return `no ${tool}` }
  return existsSync(schema) ? undefined : `no ${schema}`
}

/** What can carry networks from host to host, and why it cannot here. */
export const carriers = [{ driver: 'linuxbridge', why: unable() }, { driver: 'openvswitch', why: unable() ?? unswitched() }] as const

/** Open vSwitch as whoever runs a machine runs it: in a namespace that plays one, with a database of its own. */
export class Vswitch {
  readonly dir = mkdtempSync(join(tmpdir(), 'virga-ovs-'))
  readonly env = { OVS_RUNDIR: this.dir }
  readonly ns: string
  private database: ChildProcess | undefined
  private daemon: ChildProcess | undefined

  /** `ns`: empty for this machine itself. */
  constructor(ns = '') { this.ns = ns }

  async open() {
    run('ovsdb-tool', 'create', join(this.dir, 'conf.db'), schema)
    this.database = this.spawn('ovsdb-server', join(this.dir, 'conf.db'), `--remote=punix:${join(this.dir, 'db.sock')}`, '--pidfile')
    await until('a database', () => existsSync(join(this.dir, 'db.sock')))
    this.ask('--no-wait', 'init')
    await this.start()
    return this
  }
  async start() {
    this.daemon = this.spawn('ovs-vswitchd', `unix:${join(this.dir, 'db.sock')}`, '--pidfile', `--log-file=${join(this.dir, 'log')}`)
    await until('a switch', () => existsSync(join(this.dir, 'log')) && existsSync(join(this.dir, 'ovs-vswitchd.pid')) && readFileSync(join(this.dir, 'ovs-vswitchd.pid'), 'utf8').trim() === String(this.daemon!.pid))
  }
  async kill() { await end(this.daemon) }
  async bridge(name: string, device?: string) {
    this.ask('add-br', name, '--', 'set', 'Bridge', name, `datapath_type=${await datapathType()}`, ...(device ? ['--', 'add-port', name, device] : []))
    this.ip('link', 'set', name, 'up')
  }
  /** A bridge that takes the device's place: tunnels that the daemon itself makes leave by none but its own. */
  async underlay(name: string, address: string, device?: string) {
    await this.bridge(name, device)
    this.ip('addr', 'add', address, 'dev', name)
  }
  ask = (...args: string[]) => execFileSync('ovs-vsctl', ['--timeout=20', ...args], { encoding: 'utf8', env: { ...process.env, ...this.env } })
  flows = (bridge: string, stats = '--no-stats') => execFileSync('ovs-ofctl', ['-O', 'OpenFlow14', stats, 'dump-flows', bridge], { encoding: 'utf8', env: { ...process.env, ...this.env } })

  private ip = (...args: string[]) => run('ip', ...(this.ns ? ['-n', this.ns] : []), ...args)
  /** Ends with the test, however that ends. */
  private spawn = (command: string, ...args: string[]) => spawn('nsenter', [`--net=${this.ns ? `/run/netns/${this.ns}` : '/proc/self/ns/net'}`, 'setpriv', '--pdeathsig', 'KILL', command, ...args], { stdio: 'ignore', env: { ...process.env, ...this.env } })
  async close() {
    await end(this.daemon)
    await end(this.database)
    rmSync(this.dir, { recursive: true, force: true })
  }
}

async function end(child: ChildProcess | undefined) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
