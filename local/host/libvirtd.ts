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

const sharedCache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'virga', 'libvirt')

/**
 * A libvirtd and a virtlogd for this cloud alone, whatever else runs libvirt here: their state is under DIR/libvirt,
 * their network is the machine's. Guests outlive them, and the next start finds them by the state kept there.
 * Resolves once libvirt answers; to the URI where it does.
 */
export async function startLibvirt(at: Layout, supervisor: Supervisor): Promise<string> {
  for (const [name, place] of Object.entries(places)) {
    mkdirSync(at.in('libvirt', name), { recursive: true, mode: 0o755 })
    mkdirSync(place, { recursive: true })
  }
  mkdirSync(at.in('libvirt', 'log', 'qemu'), { recursive: true })
  configure(at)
  seedCache(at)
  // virtlogd holds the other end of every guest's console: ended with guests running, their logs would end too
  await supervisor.start({ ...inNamespace(at, 'virtlogd'), adopt: true, staysOn: () => guests(at).length > 0 })
  await supervisor.until('virtlogd', 10_000, () => answers(`${sockets(at)}/virtlogd-sock`))
  await supervisor.start(inNamespace(at, 'libvirtd'))
  const uri = libvirtUri(at)
  // the first answer may wait for the emulators being probed
  await supervisor.until('libvirtd', 60_000, () => run('virsh', ['-c', uri, 'domcapabilities'], { timeout: 50_000 }).then(() => true))
  keepCache(at)
  return uri
}

/** Where this cloud's libvirtd answers. */
export const libvirtUri = (at: Layout) => `qemu:///system?socket=${encodeURIComponent(`${sockets(at)}/libvirt-sock`).replaceAll('%2F', '/')}`

/** The folder of the daemons' sockets. A socket's path has 107 bytes at most, so a long one is reached by a short link. */
function sockets(at: Layout): string {
  const dir = at.in('libvirt', 'run')
  if (Buffer.byteLength(`${dir}/libvirt-sock`) <= 100) return dir
  const link = shortLink(at)
  rmSync(link, { force: true })
  symlinkSync(dir, link)
  return link
}

const answers = (socket: string) => new Promise<boolean>((told) => {
  const connection = connect(socket, () => { connection.destroy(); told(true) }).on('error', () => told(false))
})

export const shortLink = (at: Layout) => `/run/virga-${at.tag}`

function inNamespace(at: Layout, daemon: 'libvirtd' | 'virtlogd') {
  // "slave": what the machine mounts and unmounts later is seen here; what is bound here is seen by nobody else
  const binds = Object.entries(places).map(([name, place]) => `mount --bind "$1/${name}" ${place}`).join(' && ')
  return {
    name: daemon, command: 'unshare', graceMs: 3000,
    args: ['--mount', '--propagation', 'slave', 'sh', '-c', `${binds} && shift && exec "$@"`, 'sh', at.in('libvirt'), daemon, '--pid-file', at.in('libvirt', `${daemon}.pid`)],
  }
}

function configure(at: Layout): void {
  const etc = (name: string, lines: string[]) => writeFile(at.in('libvirt', 'etc', name), lines.join('\n') + '\n')
  const kept = at.in('libvirt', 'host-uuid')
  if (!existsSync(kept)) writeFile(kept, randomUUID())
  etc('libvirtd.conf', [
    'listen_tls = 0', 'listen_tcp = 0', 'auth_unix_rw = "none"', 'unix_sock_rw_perms = "0700"',
    `host_uuid = "${readFileSync(kept, 'utf8')}"`, 'log_filters = "3:qemu 3:libvirt"', 'log_outputs = "3:stderr"',
  ])
  etc('qemu.conf', [
    // root, because disks and taps are the bridge's to make and own; no relabelling, no cgroup paths that two clouds would share
    'user = "root"', 'group = "root"', 'security_driver = "none"', 'dynamic_ownership = 0', 'remember_owner = 0',
    'cgroup_controllers = [ ]', 'namespaces = [ ]', 'stdio_handler = "logd"', 'vnc_listen = "127.0.0.1"',
  ])
  etc('virtlogd.conf', ['max_size = 2097152', 'max_backups = 2', 'log_outputs = "3:stderr"'])
}

/** What libvirt found out about the emulators, kept between clouds: the probing takes seconds. libvirt itself drops what is out of date. */
function seedCache(at: Layout): void {
  const mine = at.in('libvirt', 'cache', 'qemu')
  if (!existsSync(mine) && existsSync(sharedCache)) cpSync(sharedCache, mine, { recursive: true })
}

function keepCache(at: Layout): void {
  const mine = at.in('libvirt', 'cache', 'qemu')
  if (existsSync(mine) && !existsSync(sharedCache)) cpSync(mine, sharedCache, { recursive: true })
}

/**
 * Every process in a mount namespace of this cloud's libvirt: the daemons and the guests' emulators. Told by what lies at
 * /run/libvirt for them, which no name or process id can pretend.
 */
export function processes(at: Layout): { pid: number; command: string }[] {
  const here = identity(at.in('libvirt', 'run'))
  if (!here) return []
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && identity(`/proc/${name}/root/run/libvirt`) === here)
    .map((name) => ({ pid: Number(name), command: comm(name) })).filter(({ pid }) => alive(pid))
}

export const guests = (at: Layout) => processes(at).filter(({ command }) => command.startsWith('qemu-'))

const identity = (file: string) => { try { const { dev, ino } = statSync(file); return `${dev}:${ino}` } catch { return undefined } }
const comm = (pid: string) => { try { return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() } catch { return '' } }
