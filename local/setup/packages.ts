import { execFile, spawn } from 'node:child_process'
import { createWriteStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { Note } from '../say.ts'

const run = promisify(execFile)

/** What a hypervisor needs. */
export const hypervisor = [
  'libvirt-daemon-system', 'libvirt-clients', 'qemu-system-x86', 'qemu-utils', 'qemu-block-extra',
  'nftables', 'dnsmasq-base', 'dnsmasq-utils', 'iproute2', 'iputils-ping', 'conntrack', 'ethtool', 'genisoimage', 'kmod', 'util-linux',
]
/** And what networks are carried by where it is asked to be. */
export const openvswitch = ['openvswitch-switch']
/** And the builder of the tiny guest (local/guest/build.sh). */
export const wanted = [
  ...hypervisor, 'cpio', 'dosfstools', 'dropbear-bin', 'e2fsprogs', 'fdisk', 'mtools', 'syslinux', 'syslinux-common', 'xz-utils', 'zstd',
]

/** The commands by which the same is told where there is no dpkg. */
const commands = ['libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'nft', 'dnsmasq', 'ip', 'nsenter', 'unshare', 'genisoimage']
const builderCommands = ['apt-get', 'dpkg', 'cpio', 'mkfs.vfat', 'dropbear', 'dropbearkey', 'mke2fs', 'sfdisk', 'mcopy', 'syslinux', 'qemu-img', 'depmod']

const searched = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
const absent = (names: string[]) => names.filter((name) => !searched.some((dir) => dir && existsSync(path.join(dir, name))))

/** Open vSwitch, besides. */
export const switchCommands = ['ovs-vsctl', 'ovs-ofctl', 'ethtool']

export const missingCommands = (more: string[] = []) => absent([...commands, ...more])
export const missingForGuest = () => absent(builderCommands)

export function debianLike(): boolean {
  try { return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8')) } catch { return false }
}

/** Installs what is missing of `names`. Nothing is started by it that would get in the way: the cloud runs daemons of its own. */
export async function installPackages(logfile: string, note: Note, names: string[]): Promise<void> {
  const missing = await notInstalled(names)
  if (!missing.length) return note(`all ${names.length} there`)
  note(`${missing.length} to install`)
  if (!listsFresh()) await apt(['update'], logfile, (text) => note(`package lists ${text}`))
  const install = () => apt(['install', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', ...missing], logfile, (text) => note(`installing ${missing.length}, ${text}`))
  // a list that is too old names files that are gone from the archive
  await install().catch(async () => { await apt(['update'], logfile, note); await install() })
  note(`${missing.length} installed`)
}

async function notInstalled(names: string[]): Promise<string[]> {
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names]).catch((e) => e as { stdout: string })
  const there = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]))
  return names.filter((name) => !there.has(name))
}

function listsFresh(): boolean {
  const dir = '/var/lib/apt/lists'
  try { return readdirSync(dir).some((name) => name.includes('_Packages')) && Date.now() - statSync(dir).mtimeMs < 24 * 3600_000 } catch { return false }
}

/** apt-get, waiting for its locks; what it prints goes to the log, how far it is to `note`. */
async function apt(args: string[], logfile: string, note: Note): Promise<void> {
  const log = createWriteStream(logfile, { flags: 'a', mode: 0o600 })
  const child = spawn('apt-get', ['-q', '-y', '-o', 'APT::Status-Fd=3', '-o', 'DPkg::Lock::Timeout=900', '-o', 'Acquire::Retries=3', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', APT_LISTCHANGES_FRONTEND: 'none', NEEDRESTART_MODE: 'l', LC_ALL: 'C' },
  })
  child.stdout!.pipe(log, { end: false })
  child.stderr!.pipe(log, { end: false })
  child.stdio[3]!.on('data', (d) => {
    const percent = [...String(d).matchAll(/^(dl|pm)status:[^:]*:([\d.]+):/gm)].at(-1)
    if (percent) note(`${percent[1] === 'dl' ? 'fetched' : 'set up'} ${Math.round(Number(percent[2]))} %`)
  })
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done))
  log.end()
  await finished(log)
  if (code !== 0) throw new Error(`apt-get ${args[0]} failed (see ${logfile}):\n${readFileSync(logfile, 'utf8').trimEnd().split('\n').slice(-5).join('\n')}`)
}
