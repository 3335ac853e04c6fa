import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { writeFile, type Layout } from '../layout.ts'
import { alive } from '../process.ts'
import type { Supervisor } from '../supervisor.ts'

const run = promisify(execFile)

/** What libvirt keeps where: bound over the usual places, in a mount namespace of this cloud's own. */
const places = { run: '/run/libvirt', etc: '/etc/libvirt', lib: '/var/lib/libvirt', log: '/var/log/libvirt', cache: '/var/cache/libvirt' }

/** One libvirt: where its state is kept, and how a command comes to run where that lies over the usual places. */
export interface Site {
  /** Behind the daemons' names, where a cloud has several. */
  suffix: string
  dir: string
  tag: string
  within(): string[]
  /** Where other hosts send guests that migrate. */
  address?: string
}

const sharedCache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'virga', 'libvirt')

/** In a mount namespace of its own, on the machine's network. */
const alone = (at: Layout): Site => {
  const dir = at.in('libvirt')
  // "slave": what the machine mounts and unmounts later is seen here; what is bound here is seen by nobody else
  return { suffix: '', dir, tag: at.tag, within: () => ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', `${binds} && shift && exec "$@"`, 'sh', dir] }
}

/** Shell that binds the places of the folder $1; what is bound last tells that all is. */
export const binds = Object.entries(places).reverse().map(([name, place]) => `mount --bind "$1/${name}" ${place}`).join(' && ')

/**
 * A libvirtd and a virtlogd for this cloud alone, whatever else runs libvirt here: their state is under DIR/libvirt,
 * their network is the machine's. Guests outlive them, and the next start finds them by the state kept there.
 * Resolves once libvirt answers; to the URI where it does.
 */
export async function startLibvirt(at: Layout, supervisor: Supervisor, site: Site = alone(at)): Promise<string> {
  prepare(site)
  configure(site)
  seedCache(site)
  const virtlogd = `virtlogd${site.suffix}`, libvirtd = `libvirtd${site.suffix}`
  // virtlogd holds the other end of every guest's console: ended with guests running, their logs would end too
  await supervisor.start({ ...daemon(site, 'virtlogd'), adopt: true, staysOn: () => insiders(site.dir).some(isGuest) })
  await supervisor.until(virtlogd, 10_000, () => answers(`${sockets(site)}/virtlogd-sock`))
  await supervisor.start(daemon(site, 'libvirtd'))
  const uri = uriOf(site)
  // the first answer may wait for the emulators being probed
  await supervisor.until(libvirtd, 60_000, () => run('virsh', ['-c', uri, 'domcapabilities'], { timeout: 50_000 }).then(() => true))
  keepCache(site)
  return uri
}

/** Folders first: what is bound must be there. */
export function prepare({ dir }: Pick<Site, 'dir'>): void {
  for (const [name, place] of Object.entries(places)) {
    mkdirSync(path.join(dir, name), { recursive: true, mode: 0o755 })
    mkdirSync(place, { recursive: true })
  }
  mkdirSync(path.join(dir, 'log', 'qemu'), { recursive: true })
}

/** Where this cloud's libvirtd answers. */
export const libvirtUri = (at: Layout) => uriOf(alone(at))
export const uriOf = (site: Site) => `qemu:///system?socket=${encodeURIComponent(`${sockets(site)}/libvirt-sock`).replaceAll('%2F', '/')}`

/** The folder of the daemons' sockets. A socket's path has 107 bytes at most, so a long one is reached by a short link. */
function sockets(site: Site): string {
  const dir = path.join(site.dir, 'run')
  if (Buffer.byteLength(`${dir}/libvirt-sock`) <= 100) return dir
  const link = shortLink(site)
  rmSync(link, { force: true })
  symlinkSync(dir, link)
  return link
}

const answers = (socket: string) => new Promise<boolean>((told) => {
  const connection = connect(socket, () => { connection.destroy(); told(true) }).on('error', () => told(false))
})

export const shortLink = ({ tag, suffix }: { tag: string; suffix?: string }) => `/run/virga-${tag}${suffix ?? ''}`

function daemon(site: Site, name: 'libvirtd' | 'virtlogd') {
  return { name: `${name}${site.suffix}`, command: 'env', prefix: site.within, args: [name, '--pid-file', path.join(site.dir, `${name}.pid`)], graceMs: 3000 }
}

function configure(site: Site): void {
  const etc = (name: string, lines: string[]) => writeFile(path.join(site.dir, 'etc', name), lines.join('\n') + '\n')
  const kept = path.join(site.dir, 'host-uuid')
  if (!existsSync(kept)) writeFile(kept, randomUUID())
  etc('libvirtd.conf', [
    'listen_tls = 0', 'listen_tcp = 0', 'auth_unix_rw = "none"', 'unix_sock_rw_perms = "0700"',
    `host_uuid = "${readFileSync(kept, 'utf8')}"`, 'log_filters = "3:qemu 3:libvirt"', 'log_outputs = "3:stderr"',
  ])
  etc('qemu.conf', [
    // root, because disks and taps are the bridge's to make and own; no relabelling, no cgroup paths that two clouds would share
    'user = "root"', 'group = "root"', 'security_driver = "none"', 'dynamic_ownership = 0', 'remember_owner = 0',
    'cgroup_controllers = [ ]', 'namespaces = [ ]', 'stdio_handler = "logd"', 'vnc_listen = "127.0.0.1"',
    ...(site.address ? [`migration_address = "${site.address}"`] : []),
  ])
  etc('virtlogd.conf', ['max_size = 2097152', 'max_backups = 2', 'log_outputs = "3:stderr"'])
}

/** What libvirt found out about the emulators, kept between clouds: the probing takes seconds. libvirt itself drops what is out of date. */
function seedCache({ dir }: Site): void {
  const mine = path.join(dir, 'cache', 'qemu')
  if (!existsSync(mine) && existsSync(sharedCache)) cpSync(sharedCache, mine, { recursive: true })
}

function keepCache({ dir }: Site): void {
  const mine = path.join(dir, 'cache', 'qemu')
  if (existsSync(mine) && !existsSync(sharedCache)) cpSync(mine, sharedCache, { recursive: true })
}

/**
 * Every process in a mount namespace with the places of one folder: the daemons and the guests' emulators. Told by what
 * lies at /run/libvirt for them, which no name or process id can pretend.
 */
export function insiders(dir: string): Process[] {
  const here = identity(path.join(dir, 'run'))
  if (!here) return []
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && identity(`/proc/${name}/root/run/libvirt`) === here)
    .map((name) => ({ pid: Number(name), command: comm(name) })).filter(({ pid }) => alive(pid))
}

/** The same for all libvirts of a cloud. */
export const processes = (at: Layout): Process[] => [at.in('libvirt'), ...hostFolders(at).map((dir) => path.join(dir, 'libvirt'))].flatMap(insiders)
export const guests = (at: Layout) => processes(at).filter(isGuest)

/** What is kept of each of several hosts on this machine. */
export const hostFolders = (at: Layout): string[] =>
  existsSync(at.in('hosts')) ? readdirSync(at.in('hosts')).filter((n) => /^\d+$/.test(n)).sort((a, b) => Number(a) - Number(b)).map((n) => at.in('hosts', n)) : []

export interface Process { pid: number; command: string }
const isGuest = ({ command }: Process) => command.startsWith('qemu-')
const identity = (file: string) => { try { const { dev, ino } = statSync(file); return `${dev}:${ino}` } catch { return undefined } }
const comm = (pid: string) => { try { return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() } catch { return '' } }
