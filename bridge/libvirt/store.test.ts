import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Terminal } from '../drivers.ts'
import { writeConfigDrive } from './config-drive.ts'
import { Locks } from './locks.ts'
import { parse } from './look.ts'
import { header } from './qcow2.ts'
import { inspect } from './qemu-img.ts'
import { plain } from './run.ts'
import { kinds, Store } from './store.ts'

const id = '11111111-2222-4333-8444-555555555555'
const folder = mkdtempSync(join(tmpdir(), 'virga-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('names of disks', () => {
  const store = new Store('/state')
  test.each(kinds)('%s: from id to path and back', (kind) => {
    expect(store.disk({ kind, id })).toBe(`/state/disks/${kind}/${id}.qcow2`)
    expect(store.refOf(store.disk({ kind, id }))).toEqual({ kind, id })
  })
  test.each(['../../etc/passwd', '', `${id}/..`, `${id}\n`, id.toUpperCase().replace('1', 'A'), '--help'])('no path is made of %j', (bad) => {
    expect(() => store.disk({ kind: 'root', id: bad })).toThrow()
    expect(() => store.config(bad)).toThrow()
    expect(() => store.console(bad)).toThrow()
  })
  test('no path is made of an unknown kind', () => expect(() => store.disk({ kind: '../images' as 'root', id })).toThrow())
  test.each([`/elsewhere/disks/root/${id}.qcow2`, `/state/disks/root/${id}.raw`, `/state/disks/root/x/../${id}.qcow2`, '/dev/sda', ''])('%j is nobody\'s disk', (path) => expect(store.refOf(path)).toBeUndefined())
})

function qcow2({ version = 3, size = 1 << 30, backing = 0, features = 0n, crypt = 0 }) {
  const head = Buffer.alloc(512)
  head.write('QFI\xfb', 'latin1')
  head.writeUInt32BE(version, 4)
  head.writeBigUInt64BE(BigInt(backing), 8)
  head.writeBigUInt64BE(BigInt(size), 24)
  head.writeUInt32BE(crypt, 32)
  head.writeBigUInt64BE(features, 72)
  const path = join(folder, `${Math.random()}.qcow2`)
  writeFileSync(path, head)
  return path
}

describe('an image from outside', () => {
  test('is refused with a backing file', () => expect(inspect(qcow2({ backing: 200 }), 'qcow2')).rejects.toThrow('backing file'))
  test('is refused with its data in another file', () => expect(inspect(qcow2({ features: 4n }), 'qcow2')).rejects.toThrow('another file'))
  test('is refused when encrypted', () => expect(inspect(qcow2({ crypt: 2 }), 'qcow2')).rejects.toThrow('encrypted'))
  test('is refused with features nobody knows', () => expect(inspect(qcow2({ features: 1n << 40n }), 'qcow2')).rejects.toThrow('unknown'))
  test('is refused when absurdly large', () => expect(inspect(qcow2({ size: 2 ** 52 }), 'qcow2')).rejects.toThrow(Terminal))
  test('is not qcow2 because someone says so', () => {
    const path = join(folder, 'text')
    writeFileSync(path, 'hello'.repeat(100))
    return expect(inspect(path, 'qcow2')).rejects.toThrow('not a qcow2 image')
  })
  test('that is raw is never looked into, whatever it contains', async () => expect(await inspect(qcow2({ backing: 200 }), 'raw')).toBe(512))
  test('shows its size without being opened by QEMU', async () => expect((await header(qcow2({ size: 5 << 20 }))).virtualSize).toBe(5 << 20))
})

describe('one look at all guests', () => {
  const name = (n: number, tag = 'beef') => `virga-${tag}-${n}${id.slice(1)}`
  const stats = (n: number, state: number, reason: number) => `Domain: '${name(n)}'\n  state.state=${state}\n  state.reason=${reason}\n\n`
  test('tells states and reasons apart, and leaves other clouds alone', () => {
    const text = stats(1, 1, 1) + stats(2, 5, 3) + stats(3, 5, 5) + stats(4, 3, 11) + stats(5, 3, 1) + stats(6, 5, 2) +
      ` 7   ${name(1)}   running\n -   ${name(2)}   shut off\n -   ${name(3)}   saved\n 8   ${name(4)}   paused\n 9   ${name(5)}   paused\n -   ${name(6)}   shut off\n 3   ${name(1, 'cafe')}   running\n 4   someone-else   running\n`
    expect(parse(text, 'beef').map((s) => [s.uuid[0], s.state, s.run])).toEqual([
      ['1', 'running', '7'], ['2', 'crashed', '-'], ['3', 'saved', '-'], ['4', 'shutoff', '8'], ['5', 'paused', '9'], ['6', 'shutoff', '-'],
    ])
  })
})

describe('what is kept', () => {
  const store = new Store(join(folder, 'kept'))
  beforeAll(() => store.prepare())
  test('is nobody else\'s to read, nor to list', async () => {
    const temp = store.temp()
    writeFileSync(temp, 'secret', { mode: 0o644 })
    await store.commit(temp, store.config(id))
    expect(statSync(store.config(id)).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'kept', 'config')).mode & 0o777).toBe(0o711)
  })
  test('is what was finished: a new start drops the rest', async () => {
    writeFileSync(store.temp(), 'half')
    writeFileSync(store.disk({ kind: 'volume', id }), 'whole')
    await store.prepare()
    expect(readdirSync(join(folder, 'kept', 'disks', 'tmp'))).toEqual([])
    expect(await store.list()).toEqual([{ kind: 'volume', id }])
  })
  test.each(['../x', '/etc/passwd', 'a/../../b', 'a//b', '', './a', 'a\nb', 'a b'])('no config drive has a file %j', async (name) => {
    await expect(writeConfigDrive(store, id, { [name]: 'x' })).rejects.toThrow('file name')
    expect(readdirSync(join(folder, 'kept', 'disks', 'tmp'))).toEqual([])
  })
})

test('a message for users names no place on the host', () => {
  expect(plain('error: Failed to start domain \'virga-beef-x\'\nerror: Cannot access storage file \'/state/disks/root/x.qcow2\': No such file or directory\n'))
    .toBe('Cannot access storage file \'…\': No such file or directory')
})

test('work on one disk is done in order, on others at once, and a failure sets the next free', async () => {
  const locks = new Locks()
  const seen: string[] = []
  const step = (name: string, ms: number) => async () => { seen.push(`+${name}`); await new Promise((r) => setTimeout(r, ms)); seen.push(`-${name}`); if (name === 'a') throw new Error('a') }
  await Promise.allSettled([locks.with(['x', 'y'], step('a', 30)), locks.with(['y'], step('b', 1)), locks.with(['z'], step('c', 1))])
  expect(seen).toEqual(['+a', '+c', '-c', '-a', '+b', '-b'])
})
