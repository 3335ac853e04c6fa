import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Disks, Net, Virt } from '../drivers.ts'
import { Door } from '../peers/door.ts'
import { incoming } from './incoming.ts'
import { Locks } from './locks.ts'
import { sendDisk, sendFile } from './outgoing.ts'
import { Store } from './store.ts'

const there = spawnSync('qemu-nbd', ['--version']).status === 0
const going = { signal: new AbortController().signal, progress: () => {} }

async function store() {
  const root = await mkdtemp(join(tmpdir(), 'virga-move-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const one = new Store(root)
  await one.prepare()
  return one
}

test.skipIf(!there)('disks and files cross over, whole, by their names; what was not named does not', async () => {
  const [a, b] = [await store(), await store()], server = randomUUID(), move = randomUUID(), key = randomBytes(32)
  const root = { kind: 'root' as const, id: server }, volume = { kind: 'volume' as const, id: randomUUID() }, other = { kind: 'volume' as const, id: randomUUID() }
  const qemu = (...args: string[]) => execFileSync('qemu-img', args)
  // A linked clone with something of its own on top, and a disk that is nearly empty.
  await writeFile(a.base(root, 'raw'), randomBytes(3 << 20))
  qemu('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', a.base(root, 'raw'), a.disk(root), '16M')
  execFileSync('qemu-io', ['-c', 'write -P 7 4M 1M', a.disk(root)])
  for (const ref of [volume, other]) qemu('create', '-q', '-f', 'qcow2', a.disk(ref), '1G')
  execFileSync('qemu-io', ['-c', 'write -P 9 512M 64k', a.disk(volume)])
  await writeFile(a.console(server), 'it booted\n')

  const door = new Door({ address: '127.0.0.1' })
  onTestFinished(() => door.close())
  const arrival = await incoming({ store: b, uri: 'qemu:///system', tag: 'abcd', net: {} as Net, virt: {} as Virt, disks: {} as Disks }, { move, server, disks: [root, volume], nics: [], live: false })
  const way = { id: move, key, address: '127.0.0.1', port: await door.admit(move, key, arrival.serve, arrival.end) }
  for (const ref of [root, volume]) await sendDisk(a, new Locks(), way, ref, going)
  await sendFile(way, 'console', a.console(server), going.signal)
  for (const ref of [root, volume]) expect(spawnSync('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', a.disk(ref), b.disk(ref)]).status).toBe(0)
  // It stands on nothing, and holes stayed holes.
  expect(JSON.parse(String(qemu('info', '--output=json', b.disk(root))))['backing-filename']).toBeUndefined()
  expect((await stat(b.disk(volume))).blocks * 512).toBeLessThan(2 << 20)
  expect(execFileSync('cat', [b.console(server)]).toString()).toBe('it booted\n')
  await expect(sendDisk(a, new Locks(), way, other, going)).rejects.toThrow('not part of the move')
  // Once more, as after a report that was lost.
  await sendDisk(a, new Locks(), way, root, going)
  await door.dismiss(move)
  expect(await readdir(join(b.root, 'disks', 'tmp'))).toEqual([])
}, 60_000)
