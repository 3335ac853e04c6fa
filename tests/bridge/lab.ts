import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxNet, type LinuxNet, type NetOptions } from '../../bridge/network/index.ts'
import type { Said } from '../../bridge/core/relay.ts'
import { names } from '../../bridge/network/names.ts'
import type { Desired, GuestData, Rule } from '../../schema/hosts.ts'

/** A host's network for tests: namespaces stand for guests, a veth end with the tap's name for the guest's device. */
export type Port = Desired['ports'][number]
export type Network = Desired['networks'][number]
export interface Guest { ns: string; port: Port; ip: string; mac: string }

export const unable = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'not root'
  for (const tool of ['nft', 'dnsmasq', 'conntrack', 'busybox', 'python3', 'ip']) {
    try { execFileSync('sh', ['-c', `command -v ${tool}`]) } catch { return `no ${tool}` }
  }
}
export const uuid = (name: string) => createHash('sha256').update(name).digest('hex').replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5')
const macOf = (name: string) => `fa:16:3e:${createHash('sha256').update(name).digest('hex').replace(/^(..)(..)(..).*/, '$1:$2:$3')}`

export const anything: Rule[] = [{ family: 4 }, { family: 6 }]
export const ping: Rule = { family: 4, protocol: 1 }
export const tcp = (port: number, remotes?: string[]): Rule => ({ family: 4, protocol: 6, min: port, max: port, remotes })

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'virga-net-'))
  readonly salt = randomUUID()
  readonly said: string[] = []
  /** What guests told the cloud by way of metadata. */
  readonly relayed: Said[] = []
  net!: LinuxNet
  document: Desired = { revision: 0, networks: [], ports: [], elsewhere: [], routers: [], guests: [] }
  private readonly children: ChildProcess[] = []
  readonly tag: string
  readonly options: Partial<NetOptions>
  /** The namespace that plays the machine; empty: this one. */
  readonly machine: string
  /** What the driver's process there is told beside. */
  env: Record<string, string> = {}

  constructor(tag: string, options: Partial<NetOptions> = {}, machine = '') { this.tag = tag; this.options = options; this.machine = machine }

  id = (name: string) => uuid(`${this.salt} ${name}`)

  async open() {
    if (!this.net) this.sweep()
    if (this.machine) {
      this.net = await remote(this.machine, { stateDir: join(this.folder, 'state'), tag: this.tag, ...this.options }, this.said, this.env)
      return this
    }
    this.net = await linuxNet({ stateDir: join(this.folder, 'state'), tag: this.tag, log: (line) => this.said.push(line), ...this.options })
    this.net.guests(async (server) => ({ server, etag: '1', name: server, hostname: `host-of-${server}`, project: 'p', user: 'u', availabilityZone: 'az', flavor: 'f', launchIndex: 0, reservationId: 'r', ec2Id: 'i-1',
      meta: {}, keys: [], fixedIps: [], networkData: { links: [], networks: [], services: [] }, securityGroups: [], devices: [] } satisfies GuestData),
    async (said) => { this.relayed.push(said); return { status: 202, type: 'application/json', body: '{"heard":true}' } })
    return this
  }
  apply = (change: (d: Desired) => void = () => {}) => {
    change(this.document)
    this.document.revision++
    return this.net.apply(structuredClone(this.document))
  }

  network(name: string, cidr: string, more: Partial<Network> = {}): Network {
    const base = cidr.replace(/\.0\/\d+$/, '')
    const made: Network = {
      id: this.id(name), vni: 5000 + this.document.networks.length, mtu: 1450, external: false, peers: [], dnsDomain: 'example.org.',
      dhcp: { port: this.id(`${name} dhcp`), mac: macOf(`${this.salt} ${name} dhcp`), addresses: [`${base}.2`] },
      subnets: [{ id: this.id(`${name} subnet`), cidr, gateway: `${base}.1`, dhcp: true, dns: [], routes: [] }], ...more,
    }
    this.document.networks.push(made)
    return made
  }
  port(name: string, network: Network, ip: string, more: Partial<Port> = {}): Port {
    const made: Port = {
      id: this.id(name), network: network.id, mac: macOf(`${this.salt} ${name}`), server: this.id(`${name} server`), up: true, hostname: name, dhcpOptions: [],
      addresses: [{ subnet: network.subnets[0]!.id, address: ip }], security: { ingress: [ping], egress: anything, pairs: [] }, ...more,
    }
    this.document.ports.push(made)
    return made
  }
  /** A port and somebody behind it, with its address already set unless it is to ask for it. */
  guest(name: string, network: Network, ip: string, more: Partial<Port> = {}, addressed = true): Guest {
    const port = this.port(name, network, ip, more)
    const ns = this.space(name)
    run('ip', ...(this.machine ? ['-n', this.machine] : []), 'link', 'add', names(this.tag).tap(port.id), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns, 'address', port.mac)
    run('ip', '-n', ns, 'link', 'set', 'eth0', 'up')
    if (addressed) {
      run('ip', '-n', ns, 'addr', 'add', `${ip}/24`, 'dev', 'eth0')
      const gateway = network.subnets[0]!.gateway
      if (gateway) run('ip', '-n', ns, 'route', 'add', 'default', 'via', gateway)
    }
    return { ns, port, ip, mac: port.mac }
  }
  space(name: string): string {
    const ns = `t${this.tag}-${name}`
    run('ip', 'netns', 'add', ns)
    run('ip', '-n', ns, 'link', 'set', 'lo', 'up')
    return ns
  }

  /** What a command in the namespace printed, or undefined when it failed or took too long. */
  in = (ns: string, ...command: string[]): Promise<string | undefined> =>
    output(ns ? ['nsenter', `--net=/run/netns/${ns}`, 'timeout', '8', ...command] : ['timeout', '8', ...command])
  start(ns: string, ...command: string[]): { text(): string; child: ChildProcess } {
    const [first, ...rest] = ns ? ['nsenter', `--net=/run/netns/${ns}`, ...command] : command
    const child = spawn(first!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.children.push(child)
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => { text += chunk })
    return { text: () => text, child }
  }
  /** Answers every connection with its peer's address, then with a tick five times a second. */
  async serve(ns: string, port: number) {
    const server = this.start(ns, process.execPath, '-e', `require('net').createServer((s) => { s.on('error', () => {}); s.write('from ' + s.remoteAddress + '\\n'); const t = setInterval(() => s.write('tick\\n'), 200); s.on('close', () => clearInterval(t)) }).listen(${port}, '::', () => console.log('up'))`)
    await until(`server on ${port}`, () => server.text().includes('up'))
    return server
  }
  /** The first line a server there says, or undefined when nobody can be reached. */
  call = async (ns: string, host: string, port: number): Promise<string | undefined> => (await this.in(ns, process.execPath, '-e',
    `const s = require('net').connect(${port}, '${host}'); s.setTimeout(2000, () => process.exit(1)); s.on('error', () => process.exit(1)); s.once('data', (d) => { console.log(String(d).split('\\n')[0]); process.exit(0) })`))?.trim()
  /** A connection held open, collecting what the server says. */
  flow = (ns: string, host: string, port: number) => this.start(ns, process.execPath, '-e', `require('net').connect(${port}, '${host}').on('error', () => {}).pipe(process.stdout)`)
  pings = async (ns: string, host: string) => await this.in(ns, 'ping', '-c', '2', '-i', '0.3', '-W', '1', host) !== undefined
  hears = (g: Guest | { ns: string }, seconds: number, mark: string) => {
    const ear = this.start(g.ns, 'python3', new URL('frames.py', import.meta.url).pathname, 'sniff', 'eth0', String(seconds), mark)
    return { ready: until('listener', () => ear.text().includes('ready')), count: () => new Promise<number>((resolve) => {
      const done = () => resolve(Number(ear.text().trim().split('\n').at(-1)))
      if (ear.child.exitCode === null) ear.child.once('close', done); else done()
    }) }
  }
  send = (g: Guest, ...frames: string[]) => this.in(g.ns, 'python3', new URL('frames.py', import.meta.url).pathname, 'send', 'eth0', ...frames)

  /** Asks for a lease as a guest does; what it was told, as the client's script sees it. */
  async lease(g: Guest, ...more: string[]): Promise<Record<string, string> | undefined> {
    const script = join(this.folder, 'lease.sh'), told = join(this.folder, 'told')
    rmSync(told, { force: true })
    writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr flush dev $interface\nip addr add $ip/$mask dev $interface\n[ -z "$mtu" ] || ip link set $interface mtu $mtu\nenv > ${told}\nset -- $staticroutes\nwhile [ $# -ge 2 ]; do ip route replace $1 via $2; shift 2; done\n`)
    chmodSync(script, 0o755)
    if (await this.in(g.ns, 'busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '4', '-T', '1', '-s', script, '-O', 'staticroutes', '-O', 'mtu', '-O', 'bootfile', '-O', 'ntpsrv', '-O', 'search', ...more) === undefined) return undefined
    return Object.fromEntries(readFileSync(told, 'utf8').split('\n').map((l) => l.split(/=(.*)/s).slice(0, 2)))
  }

  /** Joins a namespace to a bridge of the host, under a name that is not the driver's. */
  plug(ns: string, bridge: string) {
    run('ip', 'link', 'add', this.plugged, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns)
    run('ip', 'link', 'set', this.plugged, 'master', bridge, 'up')
    run('ip', '-n', ns, 'link', 'set', 'eth0', 'up')
  }
  private get plugged() { return `v${this.tag}world` }
  /** What a run that was killed has left. A namespace can outlive its name while sockets close, so its link is removed by itself. */
  private sweep() {
    for (const ns of JSON.parse(run('ip', '-j', 'netns', 'list') || '[]') as { name: string }[]) if (ns.name.startsWith(`t${this.tag}-`)) run('ip', 'netns', 'del', ns.name)
    try { run('ip', 'link', 'del', this.plugged) } catch { /* none */ }
  }

  async close() {
    for (const child of this.children) child.kill('SIGKILL')
    await this.net.wipe()
    await this.net.close()
    this.sweep()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The driver in a process inside that namespace. */
async function remote(ns: string, options: NetOptions, said: string[], env: Record<string, string>): Promise<LinuxNet> {
  const child = spawn('nsenter', [`--net=/run/netns/${ns}`, process.execPath, new URL('machine.ts', import.meta.url).pathname, JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, ...env } })
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  let up = () => {}, last = 0
  child.on('message', (m: { id?: number; result?: unknown; error?: string; ready?: true; log?: string }) => {
    if (m.log) said.push(m.log)
    if (m.ready) up()
    const call = open.get(m.id ?? -1)
    if (m.error !== undefined) call?.reject(new Error(m.error)); else call?.resolve(m.result)
  })
  await new Promise<void>((resolve, reject) => { up = resolve; child.once('exit', (code) => reject(new Error(`the driver ended with ${code}`))) })
  const call = (method: string) => async (...args: unknown[]) => {
    const answer = Promise.withResolvers<unknown>()
    open.set(++last, answer)
    child.send({ id: last, method, args })
    return answer.promise
  }
  return { ...Object.fromEntries(['apply', 'ports', 'ready', 'wipe', 'problems'].map((m) => [m, call(m)])), close: async () => { await call('close')(); child.disconnect() } } as unknown as LinuxNet
}

/** Never waits in the way of what this process itself serves. */
const output = ([command, ...args]: string[]): Promise<string | undefined> => new Promise((resolve) => { execFile(command!, args, (error, stdout) => resolve(error ? undefined : stdout)) })

export const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })

export async function until(what: string, look: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) if (await look()) return
  throw new Error(`${what}: not within ${seconds} s`)
}

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────
const bytes = (mac: string) => mac.replaceAll(':', '')
export const ip4 = (a: string) => a.split('.').map((x) => Number(x).toString(16).padStart(2, '0')).join('')
const sum = (hex: string): string => {
  let s = 0
  for (let i = 0; i < hex.length; i += 4) s += parseInt(hex.slice(i, i + 4).padEnd(4, '0'), 16)
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16)
  return (~s & 0xffff).toString(16).padStart(4, '0')
}
const half = (n: number) => n.toString(16).padStart(4, '0')
export const ether = (to: string, from: string, type: string, body: string) => bytes(to) + bytes(from) + type + body
export const arp = (op: number, fromMac: string, fromIp: string, toIp: string) => `000108000604${half(op)}${bytes(fromMac)}${ip4(fromIp)}ffffffffffff${ip4(toIp)}`
export function packet4(from: string, to: string, protocol: number, body: string): string {
  const head = (check: string) => `4500${half(20 + body.length / 2)}00004000ff${protocol.toString(16).padStart(2, '0')}${check}${ip4(from)}${ip4(to)}`
  return head(sum(head('0000'))) + body
}
export const udp = (from: number, to: number, payload: string) => `${half(from)}${half(to)}${half(8 + payload.length / 2)}0000${payload}`
/** ICMPv6 in IPv6, checksum included. */
export function packet6(from: string, to: string, body: string): string {
  const length = half(body.length / 2)
  const check = sum(`${from}${to}0000${length}0000003a${body}`)
  return `60000000${length}3aff${from}${to}${body.slice(0, 4)}${check}${body.slice(8)}`
}
/** UDP in IPv6, checksum included. */
export function udp6(from: string, to: string, sport: number, dport: number, payload: string): string {
  const length = half(8 + payload.length / 2), head = `${half(sport)}${half(dport)}${length}`
  return `60000000${length}1101${from}${to}${head}${sum(`${from}${to}0000${length}00000011${head}0000${payload}`)}${payload}`
}
