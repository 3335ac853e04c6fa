import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { names, type Names } from '../../bridge/network/names.ts'
import { serverOf } from '../../bridge/libvirt/names.ts'
import { q } from '../../functions/kernel/db.ts'
import { hostFolders, insiders, uriOf } from '../../local/host/libvirtd.ts'
import { anchor, enter } from '../../local/host/many.ts'
import { wires } from '../../local/host/wires.ts'
import { layout } from '../../local/layout.ts'
import type { Desired } from '../../schema/hosts.ts'
import type { Process, Running } from '../harness/running.ts'
import { violations } from '../harness/invariants.ts'
import { sh, until } from '../steps.ts'
import type { Chance } from './chance.ts'
import { drain, evacuation } from './hosts.ts'
import { held, type Fault } from './menu.ts'
import type { Real } from './machines.ts'
import { findsPlanted } from './planted.ts'

const at = (c: Running) => layout(c.data)
const pidOf = (c: Running, name: string) => Number(readFileSync(path.join(c.data, 'run', `${name}.pid`), 'utf8'))
const kill = (pid: number) => { try { process.kill(pid, 'SIGKILL') } catch { /* gone by itself */ } }
/** Runs a command in the namespaces of a host. */
const hostRun = (libvirt: string) => async (...args: string[]) => { const [command, ...within] = enter(libvirt); return (await sh(command!, [...within, ...args])).stdout }
const own = (victim: Process): Fault<Real> => async (c) => { await c.back(victim, c.kill(victim), 60) }

/** A daemon of one host; back when the supervisor has started it again. */
const daemon = (name: string): Fault<Real> => async (c, chance) => {
  const which = `${name}-${1 + chance.below(hostFolders(at(c)).length)}`, pid = pidOf(c, which)
  kill(pid)
  await until(`${which} started again`, 60, async () => pidOf(c, which) !== pid)
}
/** One of the processes inside a host, by what it is; nothing when there is none just now. */
const inside = (what: RegExp): Fault<Real> => async (c, chance) => {
  const all = hostFolders(at(c)).flatMap((dir) => insiders(path.join(dir, 'libvirt'))).filter((p) => what.test(p.command))
  if (all.length) kill(chance.of(all).pid)
  await sleep(100)
}

/** Nothing passes between a host and the control plane, until what is given back is called. */
async function cut(c: Real, dir: string) {
  const run = hostRun(path.join(dir, 'libvirt'))
  await run('nft', 'add table inet faults; add chain inet faults out { type filter hook output priority 0; }; ' + ['dport', 'sport'].map((p) => `add rule inet faults out tcp ${p} ${c.link} drop`).join('; '))
  return () => run('nft', 'delete table inet faults')
}

/** What may go wrong on real hosts; what goes wrong on the wire and with disks is the same as with simulated ones. */
export const realMenu: Record<string, Fault<Real>> = {
  functions: own('functions'), bridge: own('bridge'), database: own('libsql'), store: own('s3'),
  libvirtd: daemon('libvirtd'), virtlogd: daemon('virtlogd'), guest: inside(/^qemu-system/), dnsmasq: inside(/^dnsmasq$/),
  /** The link of one host to the control plane: what is sent is lost, in both directions. */
  cut: async (c, chance) => {
    const mend = await cut(c, chance.of(hostFolders(at(c))))
    await sleep(500 + chance.below(4000))
    await mend()
  },
  /** The link of one host towards the others. */
  underlay: async (c, chance) => {
    const device = wires(at(c).tag).under(1 + chance.below(2))
    await sh('ip', ['link', 'set', device, 'down'])
    await sleep(500 + chance.below(2500))
    await sh('ip', ['link', 'set', device, 'up'])
  },
  evacuation: evacuation((c: Real, { name }) => cut(c, at(c).in('hosts', name.replace('host-', ''))), 180), drain,
  ...held,
}

/** Everything wrong in rows, domains, files, devices and namespaces; asked again for a while, since hosts tell of what they see by and by. */
export async function realWrongs(c: Running): Promise<string[]> {
  let found: string[] = []
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(500)) {
    try { found = [...await violations(c.db(), { quiet: true }), ...await mismatches(c)] } catch (e) { found = [`the hosts cannot be looked at: ${(e as Error).message.slice(0, 300)}`] }
    if (!found.length) return []
  }
  return found
}

interface Row { id: string; name: string; state: string; host: string | null; other: string | null; ports: string }
const runs: Record<string, string> = { active: 'running', stopped: 'shut off', paused: 'paused' }

/** What is in rows, domains, files, devices and namespaces and has no business there, as of now. */
async function mismatches(c: Running): Promise<string[]> {
  const { tag } = at(c), name = names(tag), out: string[] = []
  const [servers, disks, hosts] = await c.db().read([
    q.all<Row>(sql`select id, name, state, host, other_host as other, (select json_group_array(id) from port p where p.device = s.id) as ports from server s`),
    q.all<{ kind: string; id: string; host: string | null }>(sql`select 'volume' as kind, id, host from volume union all select 'snapshot', id, host from snapshot`),
    q.all<{ id: string; name: string; revision: number }>(sql`select id, name, revision from host`),
  ]) as unknown as [Row[], { kind: string; id: string; host: string | null }[], { id: string; name: string; revision: number }[]]
  for (const dir of hostFolders(at(c))) {
    const n = path.basename(dir), host = hosts.find((h) => h.name === `host-${n}`)!, libvirt = path.join(dir, 'libvirt')
    const here = servers.filter((s) => s.host === host.id), known = servers.filter((s) => s.host === host.id || s.other === host.id)
    const uri = uriOf({ suffix: `-${n}`, dir: libvirt, tag, within: () => [] })
    const domains = new Map((await sh('virsh', ['-q', '-c', uri, 'list', '--all'])).stdout.split('\n').flatMap((l) => { const m = /^\s*\S+\s+(\S+)\s+(.+?)\s*$/.exec(l); return m ? [[serverOf(tag, m[1]!) ?? m[1]!, m[2]!] as const] : [] }))
    for (const id of domains.keys()) if (!known.some((s) => s.id === id)) out.push(`domain ${id} on host-${n} belongs to no server`)
    for (const s of here) if (runs[s.state] && domains.get(s.id) !== runs[s.state] && !(s.state === 'stopped' && !domains.has(s.id))) out.push(`server ${s.name} is ${s.state}, its domain on host-${n} ${domains.get(s.id) ?? 'not there'}`)
    const emulators = insiders(libvirt).filter((p) => p.command.startsWith('qemu-system')).length, running = [...domains.values()].filter((s) => s === 'running' || s === 'paused').length
    if (emulators !== running) out.push(`host-${n} has ${emulators} emulators for ${running} running domains`)
    out.push(...files(path.join(dir, 'bridge', 'disks')).flatMap((f) => {
      const [, kind, id] = /(\w+)\/(?:\w+-)?([0-9a-f-]{36})\.\w+$/.exec(f) ?? []
      const owned = kind === 'base' ? known.some((s) => s.id === id) || disks.some((d) => d.id === id) : ['volume', 'snapshot'].includes(kind ?? '') ? disks.some((d) => d.kind === kind && d.id === id) : known.some((s) => s.id === id)
      return owned ? [] : [`file ${f} belongs to nothing`]
    }))
    out.push(...await network(n, libvirt, path.join(dir, 'bridge', 'desired.json'), name, here))
  }
  return out
}

/** Devices, namespaces and tables against what the host was told, and that against the rows. */
async function network(n: string, libvirt: string, file: string, name: Names, here: Row[]): Promise<string[]> {
  const run = hostRun(libvirt), out: string[] = []
  if (!anchor(libvirt)) return [`host-${n} has no namespaces`]
  const desired: Desired = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { networks: [], ports: [], routers: [] }
  const ports = new Set(here.flatMap((s) => JSON.parse(s.ports) as string[]))
  for (const p of desired.ports) if (!ports.has(p.id)) out.push(`host-${n} is told of port ${p.id}, which no server there has`)
  for (const p of ports) if (!desired.ports.some((d) => d.id === p)) out.push(`host-${n} is not told of port ${p}`)
  const devices = (await run('ip', '-o', 'link')).split('\n').flatMap((l) => /^\d+: ([^:@]+)/.exec(l)?.[1] ?? []).filter((d) => name.ours(d))
  const spaces = (await run('ip', 'netns', 'list')).split('\n').map((l) => l.split(' ')[0]!).filter((s) => name.oursNs(s))
  const dhcp = desired.networks.filter((d) => d.dhcp)
  const may = new Set([
    name.ext, ...desired.ports.flatMap((p) => [name.tap(p.id), name.ifb(p.id), name.branch(p.id)]), ...desired.networks.flatMap((d) => [name.bridge(d.id), name.vxlan(d.id), name.dhcpVeth(d.id)]),
    ...desired.routers.flatMap((r) => [name.gatewayVeth(r.id), ...r.interfaces.map((i) => name.interfaceVeth(i.port))]),
  ])
  for (const d of devices) if (!may.has(d)) out.push(`device ${d} on host-${n} belongs to nothing`)
  const wanted = new Set([...dhcp.map((d) => name.dhcpNs(d.id)), ...desired.routers.map((r) => name.routerNs(r.id))])
  for (const s of spaces) if (!wanted.has(s)) out.push(`namespace ${s} on host-${n} belongs to nothing`)
  for (const s of wanted) if (!spaces.includes(s)) out.push(`namespace ${s} on host-${n} is missing`)
  for (const s of here) if (s.state === 'active') for (const p of JSON.parse(s.ports) as string[]) if (!devices.includes(name.tap(p))) out.push(`server ${s.name} on host-${n} has no tap for port ${p}`)
  const tables = (await run('nft', 'list', 'tables')).split('\n').filter((t) => t.includes('virga_') && !t.includes(name.table))
  return [...out, ...tables.map((t) => `${t} on host-${n} belongs to nothing`)]
}

const files = (dir: string): string[] => existsSync(dir) ? readdirSync(dir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile() && !f.parentPath.endsWith('/tmp')).map((f) => path.join(f.parentPath, f.name)) : []

/** Each kind of leak, put there on purpose on one host, is found. */
export async function realPlanted(c: Running): Promise<void> {
  const { tag } = at(c), name = names(tag), dir = hostFolders(at(c))[0]!, n = path.basename(dir), libvirt = path.join(dir, 'libvirt'), run = hostRun(libvirt), id = randomUUID()
  const uri = uriOf({ suffix: `-${n}`, dir: libvirt, tag, within: () => [] }), virsh = (...args: string[]) => sh('virsh', ['-q', '-c', uri, ...args])
  const xml = path.join(c.data, 'planted.xml'), disk = path.join(dir, 'bridge', 'disks', 'volume', `${id}.qcow2`)
  writeFileSync(xml, `<domain type='qemu'><name>planted</name><uuid>${id}</uuid><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>`)
  const found = (plant: () => unknown, pull: () => unknown, wanted: RegExp) => findsPlanted(() => mismatches(c), plant, pull, wanted)
  await found(() => virsh('define', xml), () => virsh('undefine', id), /domain planted on host-.* belongs to no server/)
  await found(() => run('ip', 'tuntap', 'add', 'dev', name.tap(id), 'mode', 'tap'), () => run('ip', 'link', 'del', name.tap(id)), /device .* belongs to nothing/)
  await found(() => run('ip', 'netns', 'add', name.dhcpNs(id)), () => run('ip', 'netns', 'del', name.dhcpNs(id)), /namespace .* belongs to nothing/)
  await found(() => run('nft', 'add', 'table', 'inet', 'virga_planted'), () => run('nft', 'delete', 'table', 'inet', 'virga_planted'), /table inet virga_planted .* belongs to nothing/)
  await found(() => { mkdirSync(path.dirname(disk), { recursive: true }); writeFileSync(disk, '') }, () => rmSync(disk), /file .* belongs to nothing/)
}
