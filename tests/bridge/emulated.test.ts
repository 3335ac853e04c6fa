import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { guestMemory } from '../../bridge/libvirt/domain.ts'
import { guest } from '../../local/setup/guest.ts'
import { unable } from './cloudless.ts'
import { until } from './lab.ts'

/**
 * What an emulated guest writes while it moves has arrived when it has: it rewrites some megabytes over and over, and the
 * memory of both sides is compared byte by byte while they stand still.
 */
const why = unable()
const version = why ? 0 : Number(/version (\d+)/.exec(execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }))![1])
const megabytes = 96, page = 4096

class Emulator {
  readonly child: ChildProcess
  readonly name: string
  readonly #dir: string
  #socket!: Socket
  readonly #answers: ((said: { return?: any; error?: { desc: string } }) => void)[] = []
  constructor(dir: string, name: string, kernel: string, memory: string[], more: string[] = []) {
    this.name = name
    this.#dir = dir
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', '-accel', 'tcg', '-nodefaults', '-display', 'none', '-nic', 'none', '-machine', 'pc', ...memory, '-kernel', kernel, '-initrd', join(dir, 'initrd'),
      '-append', 'console=ttyS0 quiet', '-serial', `file:${join(dir, `${name}.log`)}`, '-qmp', `unix:${join(dir, name)},server=on,wait=off`, ...more], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  async open() {
    // The socket is there a moment before anybody listens.
    await until('a monitor', () => new Promise((told) => { this.#socket = connect(join(this.#dir, this.name)).once('connect', () => told(true)).once('error', () => told(false)) }))
    createInterface({ input: this.#socket }).on('line', (line) => { const said = JSON.parse(line); if ('return' in said || said.error) this.#answers.shift()!(said) })
    await this.ask('qmp_capabilities')
    return this
  }
  ask(execute: string, args: object = {}): Promise<any> {
    return new Promise((done, fail) => {
      this.#answers.push((said) => said.error ? fail(new Error(`${execute}: ${said.error.desc}`)) : done(said.return))
      this.#socket.write(JSON.stringify({ execute, arguments: args }) + '\n')
    })
  }
  says(text: string) { return existsSync(join(this.#dir, `${this.name}.log`)) && readFileSync(join(this.#dir, `${this.name}.log`), 'utf8').includes(text) }
  async memory(): Promise<Buffer> {
    const filename = join(this.#dir, `${this.name}.memory`)
    await this.ask('pmemsave', { val: 0, size: megabytes << 20, filename })
    const bytes = readFileSync(filename)
    rmSync(filename)
    return bytes
  }
  async end() {
    if (this.child.exitCode !== null || this.child.signalCode) return
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }
}

describe.skipIf(why)(`an emulated guest that moves while it writes${why ? ` (skipped: ${why})` : ''}`, { timeout: 240_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'virga-emulated-')), running: Emulator[] = []
  let kernel = '', moves = 0
  beforeAll(async () => {
    ({ kernel } = await guest(join(dir, 'guest.log'), () => {}))
    const root = join(dir, 'root'), names = Array.from({ length: 60 }, (_, i) => `v${i}`)
    mkdirSync(root)
    // Nothing else runs, so that what the emulator knows of pages is never flushed by a change of process.
    writeFileSync(join(root, 'init'), `#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs dev /dev\nx=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do x=$x$x; done\necho writes > /dev/ttyS0\nwhile :; do n=$((n+1)); ${names.map((v) => `${v}=$n$x`).join('; ')}; done\n`, { mode: 0o755 })
    const own = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: root, input: 'init\n' })
    writeFileSync(join(dir, 'initrd'), Buffer.concat([readFileSync(join(dirname(kernel), 'initrd.gz')), own]))
  }, 900_000)
  afterEach(async () => { for (const e of running.splice(0)) await e.end() })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  /** How many pages are not what they were when it stopped, and in how many rounds they were sent. */
  async function lost(memory: string[]) {
    const tag = `${++moves}`, from = new Emulator(dir, `a${tag}`, kernel, memory), door = join(dir, `door${tag}`), to = new Emulator(dir, `b${tag}`, kernel, memory, ['-S', '-incoming', `unix:${door}`])
    running.push(from, to)
    await Promise.all([from.open(), to.open()])
    await until('it writes', () => from.says('writes'), 120)
    // Slow, and not to be held up: pages go while the guest goes on with them.
    await from.ask('migrate-set-parameters', { 'max-bandwidth': 40 << 20, 'downtime-limit': 1 })
    await from.ask('migrate', { uri: `unix:${door}` })
    const quick = setTimeout(() => void from.ask('migrate-set-parameters', { 'max-bandwidth': 1 << 30, 'downtime-limit': 2000 }), 15_000)
    let info: { status: string; ram: { 'dirty-sync-count': number } } | undefined
    await until('it has moved', async () => /completed|failed/.test((info = await from.ask('query-migrate'))!.status), 90)
    clearTimeout(quick)
    expect(info!.status).toBe('completed')
    const [before, after] = [await from.memory(), await to.memory()]
    const differ = Array.from({ length: before.length / page }, (_, i) => i * page).filter((at) => (at < 0xa0000 || at >= 0x100000) && !before.subarray(at, at + page).equals(after.subarray(at, at + page)))
    await Promise.all([from.end(), to.end()])
    return { pages: differ.length, rounds: info!.ram['dirty-sync-count'] }
  }

  test('loses nothing with the memory a domain gives it', async () => {
    for (let i = 0; i < 3; i++) {
      const { pages, rounds } = await lost(guestMemory(megabytes))
      expect({ pages, several: rounds > 2 }).toEqual({ pages: 0, several: true })
    }
  })
  // Where this fails on its own, QEMU has been mended for older versions, too, and the memory may be as it was.
  test.skipIf(version >= 9)(`which plain memory does not do with QEMU ${version}`, async () => {
    for (let tries = 3; tries; tries--) if ((await lost(['-m', `${megabytes}M`])).pages) return
    expect.unreachable('nothing was lost')
  })
})
