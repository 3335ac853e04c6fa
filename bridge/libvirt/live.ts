import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import type { Nic } from '../../schema/jobs.ts'
import { Terminal, type Going, type Net, type Virt } from '../drivers.ts'
import { dial, type Way } from '../peers/door.ts'
import { tunnel } from '../peers/tunnel.ts'
import { definition } from './definition.ts'
import type { Facts } from './incoming.ts'
import type { Locks } from './locks.ts'
import { domainName } from './names.ts'
import { sendDisk, sendFile } from './outgoing.ts'
import { header } from './qcow2.ts'
import { CommandFailed } from './run.ts'
import { sockets } from './sockets.ts'
import { Store } from './store.ts'
import type { Virsh } from './virsh.ts'
import type { DiskRef } from '../../schema/jobs.ts'

interface Leaving { virsh: Virsh; store: Store; tag: string; net: Net; locks: Locks; kvm: boolean }
export interface Live { uuid: string; move: string; disks: DiskRef[]; nics: Nic[] }

/** libvirt's word for a guest that has moved away: its definition is still here, nothing of it runs. One that came here says the same of how it came to run. */
export const movedAway = async (virsh: Virsh, name: string) => /^shut off \(migrated\)/.test(await virsh.call('domstate', name, '--reason').catch(() => ''))

const factsOf = async (way: Way, signal: AbortSignal) => {
  const { answer, stream } = await dial<Facts>(way, { what: 'facts' }, signal)
  stream.destroy()
  return answer
}

/** Cards whose ports have been deleted since stay behind: the other host has nothing to plug them into. */
export async function shed({ virsh, tag, net, virt }: Pick<Leaving, 'virsh' | 'tag' | 'net'> & { virt: Virt }, way: Way, { uuid, nics }: Live, signal: AbortSignal): Promise<void> {
  const found = await definition(virsh, domainName(tag, uuid)), { taps } = await factsOf(way, signal)
  const taken = new Set(nics.filter((nic) => taps[nic.port]).map((nic) => net.tap(nic.port)))
  for (const { mac, tap } of found?.now.nics ?? []) if (!taken.has(tap)) await virt.detachNic(uuid, mac)
}

/**
 * Moves a running guest. libvirt here speaks to libvirt there, QEMU to QEMU, each through a socket that leads through the
 * other host's door; nothing of it is on a network in the clear. A move that fails leaves the guest running here.
 */
export async function moveLive(here: Leaving, way: Way, { uuid, move, disks, nics }: Live, going: Going): Promise<{ bytes: number; downtimeMs: number }> {
  const { virsh, store, tag, net, locks } = here, { signal, progress } = going
  const name = domainName(tag, uuid)
  const found = await definition(virsh, name)
  if (!found) throw new Terminal('the server is not on this host')
  const there = await factsOf(way, signal)
  const target = new Store(there.root)
  const copied: string[] = []
  for (const ref of disks) {
    if (ref.kind === 'snapshot') { await sendDisk(store, locks, way, ref, going); continue }
    const device = found.now.disks.find((d) => d.path === store.disk(ref))?.device
    if (!device) throw new Terminal(`the guest does not have ${ref.kind} ${ref.id}`)
    copied.push(device)
    ;(await dial(way, { what: 'blank', ref, bytes: (await header(store.disk(ref))).virtualSize }, signal)).stream.destroy()
  }
  // Of a store both have, these are there already.
  if (disks.length) {
    await sendFile(way, 'config', store.config(uuid), signal)
    await sendFile(way, 'console', store.console(uuid), signal)
  }

  const own = await sockets(move)
  const ways = await Promise.all((['libvirt', 'memory', 'storage'] as const).map((what) => tunnel(own[what], async () => (await dial(way, { what }, signal)).stream)))
  try {
    const remote = `qemu+unix:///system?socket=${own.libvirt}`, there_ = domainName(there.tag, uuid)
    const xml = (await virsh.call('dumpxml', name, '--migratable', '--security-info'))
      .replaceAll(`${store.root}/`, `${target.root}/`).replaceAll(`tag='${tag}'`, `tag='${there.tag}'`)
      // A copied disk stands on nothing; of one that both hosts have, the other finds out by itself.
      .replace(/\s*<backingStore\b(?:[^>]*\/>|[^]*?<\/backingStore>(?=\s*<target))/g, '')
    const wired = nics.filter((nic) => there.taps[nic.port]).reduce((text, nic) => text.replaceAll(`dev='${net.tap(nic.port)}'`, `dev='${there.taps[nic.port]}'`), xml)
    await store.withFile(wired, (file) => migrate(virsh, name, [
      '--live', '--persistent', '--xml', file, '--persistent-xml', file, '--dname', there_, '--migrateuri', `unix://${own.memory}`,
      ...(copied.length ? ['--copy-storage-all', '--migrate-disks', copied.join(','), '--disks-uri', `unix://${own.storage}`] : []),
      // What is not copied lies in a store both hosts have, which the control plane knows and libvirt may not.
      ...(copied.length < found.now.disks.length ? ['--unsafe'] : []), ...(here.kvm ? ['--auto-converge'] : []),
      name, remote,
    ], going))
    // It has moved, whatever becomes of these: what is not known there begins anew.
    await handOver(net, nics, way, signal).catch((error: Error) => progress(`its connections were not handed over: ${error.message}`))
    const stats = await virsh.at(remote, 'domjobinfo', there_, '--completed', '--rawstats').catch(() => '')
    const number = (key: string) => Number(new RegExp(`^${key}: (\\d+)`, 'm').exec(stats)?.[1] ?? 0)
    return { bytes: number('data_processed'), downtimeMs: number('downtime') }
  } finally {
    for (const close of ways) await close()
    await rm(own.folder, { recursive: true, force: true })
  }
}

async function handOver(net: Net, nics: Nic[], way: Way, signal: AbortSignal): Promise<void> {
  for (const [network, all] of await net.connections(nics)) {
    // A line at the door has an end.
    for (let at = 0; at < all.length; at += 200) (await dial(way, { what: 'connections', network, connections: all.slice(at, at + 200) }, signal)).stream.destroy()
  }
}

/** `virsh migrate`, told as it goes on; aborted through libvirt, which takes everything back. */
async function migrate(virsh: Virsh, name: string, args: string[], { signal, progress }: Going): Promise<void> {
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'virsh', '-q', '-c', virsh.uri, 'migrate', ...args], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' } })
  let said = ''
  child.stderr.on('data', (text) => { said = (said + text).slice(-4000) })
  const over = new Promise<number | null>((resolve) => child.on('close', resolve).on('error', () => resolve(null)))
  const abort = () => void virsh.call('domjobabort', name).catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  const look = setInterval(async () => {
    const info = await virsh.call('domjobinfo', name, '--rawstats').catch(() => '')
    const of = (key: string) => Number(new RegExp(`^${key}: (\\d+)`, 'm').exec(info)?.[1] ?? 0)
    if (of('data_total')) progress(`moving: memory ${of('memory_processed')}/${of('memory_total')}, disk ${of('disk_processed')}/${of('disk_total')} bytes`)
  }, 2000)
  try {
    if (await over === 0) return
  } finally {
    clearInterval(look)
    signal.removeEventListener('abort', abort)
  }
  // libvirt may have lost touch at the very end: what it shows of the guest decides.
  if (await movedAway(virsh, name)) return
  throw /canceled by client|cancelled by client|job was canceled|operation aborted/i.test(said) ? new Terminal('the move was ended on request') : new CommandFailed('virsh', said)
}
