import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { make, type Layout } from './layout.ts'
import { alive } from './process.ts'
import { Supervisor, type Child } from './supervisor.ts'

let dir: string, at: Layout, supervisor: Supervisor
const said: string[] = []
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'virga-supervisor-'))
  at = make(path.join(dir, 'data'))
  supervisor = new Supervisor(at, (line) => said.push(line))
})
afterEach(async () => { await supervisor.stopAll(); rmSync(dir, { recursive: true }) })

const sleeper = (name: string, more: Partial<Child> = {}): Child => ({ name, command: process.execPath, args: ['-e', 'console.log("up"); setInterval(() => {}, 1000)', at.dir], ...more })
const pid = (name: string) => { try { return Number(readFileSync(supervisor.pidfile(name), 'utf8')) } catch { return 0 } }
const until = async (check: () => unknown, ms = 5000) => {
  for (const end = performance.now() + ms; !check();) {
    if (performance.now() > end) throw new Error('in vain')
    await new Promise((wake) => setTimeout(wake, 20))
  }
}

test('a child killed outright runs again within two seconds, under a pidfile that tells', async () => {
  await supervisor.start(sleeper('a'))
  for (let i = 0; i < 3; i++) {
    const before = pid('a')
    process.kill(before, 'SIGKILL')
    await until(() => pid('a') && pid('a') !== before && alive(pid('a')), 2000)
  }
  expect(said.filter((line) => line.startsWith('a ended (SIGKILL)'))).toHaveLength(3)
})

test('stopped, it stays stopped, though it ignores being asked', async () => {
  await supervisor.start(sleeper('deaf', { args: ['-e', 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)', at.dir], graceMs: 200 }))
  await until(() => supervisor.tail('deaf').includes('up'))
  const was = pid('deaf')
  await supervisor.stop('deaf')
  expect(alive(was)).toBe(false)
  expect(existsSync(supervisor.pidfile('deaf'))).toBe(false)
})

test('what a runner killed outright left behind is replaced; what merely has its process id is not touched', async () => {
  const ours = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', at.dir], { stdio: 'ignore' })
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  try {
    writeFileSync(supervisor.pidfile('a'), `${ours.pid}\n`)
    writeFileSync(supervisor.pidfile('b'), `${stranger.pid}\n`)
    await supervisor.start(sleeper('a'))
    await supervisor.start(sleeper('b'))
    await until(() => !alive(ours.pid!))
    expect(alive(stranger.pid!)).toBe(true)
    expect(pid('a')).not.toBe(ours.pid)
  } finally { ours.kill('SIGKILL'); stranger.kill('SIGKILL') }
})

test('one that may be adopted goes on as it is, may stay on, and is started again when it dies', async () => {
  const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', at.dir], { stdio: 'ignore' })
  writeFileSync(supervisor.pidfile('a'), `${left.pid}\n`)
  let stays = true
  await supervisor.start(sleeper('a', { adopt: true, staysOn: () => stays }))
  expect(pid('a')).toBe(left.pid)
  left.kill('SIGKILL')
  await until(() => pid('a') !== left.pid && alive(pid('a')), 2000)
  const second = pid('a')
  await supervisor.stopAll()
  expect([alive(second), pid('a')]).toEqual([true, second])
  stays = false
  supervisor = new Supervisor(at, () => {})
  await supervisor.start(sleeper('a', { adopt: true, staysOn: () => stays }))
  await supervisor.stopAll()
  expect(alive(second)).toBe(false)
})

test('one that does not stay up is given up with the end of its log', async () => {
  await supervisor.start(sleeper('bad', { args: ['-e', 'console.error("no such table"); process.exit(3)', at.dir] }))
  await expect(supervisor.until('bad', 20_000, async () => false)).rejects.toThrow(/bad does not stay up:[^]*no such table/)
})

test('a folder with other things in it is not made a cloud', () => {
  writeFileSync(path.join(dir, 'thesis.txt'), 'precious')
  expect(() => make(dir)).toThrow(/other things/)
})
