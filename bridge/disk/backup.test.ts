import { randomBytes, randomUUID } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { FakeCloud } from '../core/testing.ts'
import { Copies } from '../libvirt/copy.ts'
import { libvirtDisks } from '../libvirt/disks.ts'
import type { Events } from '../libvirt/events.ts'
import { Locks } from '../libvirt/locks.ts'
import { Store } from '../libvirt/store.ts'
import type { Virsh } from '../libvirt/virsh.ts'
import { Simulation } from '../simulated/index.ts'
import { temporary, trialHost } from '../simulated/testing.ts'
import { pieces } from './backup.ts'
import { CHUNK } from './manifest.ts'
import type { JobArgs, JobResult } from '../../schema/jobs.ts'

const MiB = 1 << 20, GiB = 2 ** 30
type Made = JobResult<'disk.backup'>
const volume = (id = randomUUID()) => ({ kind: 'volume' as const, id })

test('only pieces with something in them are looked at, each once', () => {
  expect([...pieces([])]).toEqual([])
  expect([...pieces([[0, 1], [5, 10], [CHUNK - 1, 2], [7 * CHUNK, CHUNK], [8 * CHUNK, 1]])]).toEqual([0, 1, 7, 8])
})

/** A host whose disks are files, and a control plane that hands out objects. No guest runs there. */
async function host(simulated = false) {
  const cloud = new FakeCloud(), state = temporary(), store = new Store(state), locks = new Locks()
  await cloud.listen()
  onTestFinished(() => cloud.close())
  await store.prepare()
  const virsh = { call: async () => '', batch: async () => '' } as unknown as Virsh
  const drivers = new Simulation(state).host('trial')
  if (!simulated) drivers.disks = libvirtDisks(store, new Copies(virsh, {} as Events, store, '0000', locks), locks)
  const h = await trialHost(cloud, { drivers, state })
  onTestFinished(() => h.stop(0))
  const job = async (kind: 'disk.backup' | 'disk.restore', args: object) => (await cloud.settled(cloud.add(h.id, kind, args as never), 60_000)).result
  return {
    cloud, h, store, drivers,
    backup: async (args: Omit<JobArgs<'disk.backup'>, 'backup'> & { backup?: string }) => { const backup = args.backup ?? randomUUID(), out = await job('disk.backup', { backup, ...args }) as unknown as Made; return { ...out, ref: { store: backup, ...out.manifest } } },
    restore: (args: JobArgs<'disk.restore'>) => job('disk.restore', args),
    left: () => readdirSync(join(state, 'disks', 'tmp')),
  }
}
/** A disk of one gibibyte with these bytes in these places. */
function write(store: Store, ref: ReturnType<typeof volume>, places: [number, Buffer][], size = GiB) {
  const raw = store.temp('raw'), file = openSync(raw, 'w')
  ftruncateSync(file, size)
  for (const [at, bytes] of places) writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, store.disk(ref)])
  rmSync(raw)
}
/** As the guest would see it: identical, or what QEMU's own tool says differs. */
const compare = (store: Store, one: ReturnType<typeof volume>, other: ReturnType<typeof volume>) => {
  try { return execFileSync('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', store.disk(one), store.disk(other)]).toString().trim() } catch (e) { return String((e as { stdout: Buffer }).stdout).trim() }
}
const entries = (bytes: Buffer) => bytes.toString().trim().split('\n').slice(1).map((l) => l.split(' '))

describe('a volume in a file', () => {
  let w: Awaited<ReturnType<typeof host>>
  beforeEach(async () => { w = await host() })

  test('comes back byte for byte: holes stay holes, and an incremental backup keeps what changed', async () => {
    const one = volume(), places: [number, Buffer][] = [[0, randomBytes(10)], [5 * MiB + 3, randomBytes(6 * MiB)], [700 * MiB, randomBytes(MiB)], [GiB - 7, randomBytes(7)]]
    write(w.store, one, places)
    const full = await w.backup({ disk: one })
    // Four places in five pieces: the second reaches over a border.
    expect([full.objects, full.first, full.manifest.number]).toEqual([5, 0, 5])
    expect(w.cloud.bytes.size).toBe(6)
    expect([...w.cloud.bytes.values()].filter((b) => b.length === CHUNK).length).toBe(5)

    const changed = volume()
    write(w.store, changed, [places[0], [5 * MiB + 3, places[1][1]], [5 * MiB + 100, Buffer.from('other')], places[3]])
    const next = await w.backup({ disk: changed, parent: full.ref })
    expect([next.objects, entries(w.cloud.bytes.get(`${next.ref.store}.${next.ref.number}`)!).map(([index, , store]) => [index, store === full.ref.store])]).toEqual([1, [['0', true], ['1', false], ['2', true], ['255', true]]])
    const same = await w.backup({ disk: changed, parent: next.ref })
    expect([same.objects, same.bytes, same.first]).toEqual([0, 0, same.manifest.number])

    for (const [ref, was] of [[full.ref, one], [next.ref, changed], [same.ref, changed]] as const) {
      const to = volume()
      await w.restore({ disk: to, sizeGb: 1, backup: ref.store, manifest: ref })
      expect(compare(w.store, was, to)).toBe('Images are identical.')
      expect(await w.drivers.disks.bytes(to)).toBeLessThan(40 * MiB)
    }
    // Over what is there, and larger.
    await w.restore({ disk: one, sizeGb: 2, backup: next.ref.store, manifest: next.ref })
    expect([compare(w.store, changed, one), await w.drivers.disks.sizeGb(one)]).toEqual([expect.stringContaining('Images are identical.'), 2])
    expect(w.left()).toEqual([])
  }, 120_000)

  test('that is empty is a list of nothing, and comes back', async () => {
    const one = volume(), to = volume()
    write(w.store, one, [])
    const made = await w.backup({ disk: one })
    expect([made.objects, w.cloud.bytes.size]).toEqual([0, 1])
    await w.restore({ disk: to, sizeGb: 1, backup: made.ref.store, manifest: made.ref })
    expect(compare(w.store, one, to)).toBe('Images are identical.')
  }, 60_000)

  test('keeps what it holds when the backup is not what was written, and nothing is left behind', async () => {
    const one = volume(), other = volume(), before = volume()
    write(w.store, one, [[0, randomBytes(100)]])
    for (const to of [other, before]) write(w.store, to, [[9 * MiB, Buffer.from('mine')]])
    const made = await w.backup({ disk: one })
    const piece = w.cloud.bytes.get(`${made.ref.store}.0`)!, list = w.cloud.bytes.get(`${made.ref.store}.1`)!
    const fails = async () => {
      const row = w.cloud.add(w.h.id, 'disk.restore', { disk: other, sizeGb: 1, backup: made.ref.store, manifest: made.ref }, { attempt: 4 })
      await w.cloud.settled(row, 60_000)
      expect(compare(w.store, before, other)).toBe('Images are identical.')
      expect(w.left()).toEqual([])
      return row.outcome?.error
    }
    piece[5] ^= 1
    expect(await fails()).toContain('not the bytes it should be')
    piece[5] ^= 1
    list[list.length - 2] ^= 1
    expect(await fails()).toContain('not the one that was written')
    w.cloud.bytes.delete(`${made.ref.store}.1`)
    expect(await fails()).toContain('404')
  }, 60_000)

  test('is backed up by another attempt, with objects of its own, when one broke off', async () => {
    const one = volume()
    write(w.store, one, Array.from({ length: 9 }, (_, i) => [i * CHUNK, randomBytes(50)] as [number, Buffer]))
    let puts = 0
    w.cloud.before = (what) => { if (what.startsWith('PUT /bytes') && ++puts > 3 && puts <= 30) throw new Error('the store is away') }
    const made = await w.backup({ disk: one })
    expect(made.first).toBeGreaterThan(0)
    const to = volume()
    w.cloud.before = () => {}
    await w.restore({ disk: to, sizeGb: 1, backup: made.ref.store, manifest: made.ref })
    expect(compare(w.store, one, to)).toBe('Images are identical.')
    expect(entries(w.cloud.bytes.get(`${made.ref.store}.${made.ref.number}`)!).every(([, , , number]) => Number(number) >= made.first)).toBe(true)
    expect(w.left()).toEqual([])
  }, 60_000)
})

test('a simulated volume comes back too: what it is a copy of', async () => {
  const w = await host(true), { disks } = w.drivers, [one, to] = [volume(), volume()]
  await disks.create({ disk: one, sizeGb: 1, source: { blank: true } }, { image: async () => '' })
  const made = await w.backup({ disk: one }), again = await w.backup({ disk: one, parent: made.ref })
  expect([made.objects, again.objects]).toEqual([1, 0])
  await w.restore({ disk: to, sizeGb: 2, backup: again.ref.store, manifest: again.ref })
  expect(await disks.sizeGb(to)).toBe(2)
  const origin = async (ref: typeof one) => { const f = await disks.freeze(ref, 'raw'); try { return readFileSync(f.path).toString().split('\n')[2] } finally { await f.dispose() } }
  expect(await origin(to)).toBe(await origin(one))
}, 60_000)
