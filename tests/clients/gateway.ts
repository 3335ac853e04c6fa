import { execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { anchor, folder } from '../../local/host/many.ts'
import type { Layout } from '../../local/layout.ts'
import { names } from '../../bridge/network/names.ts'
import { until, type Steps } from '../steps.ts'
import { equal } from './cli.ts'
import { need } from './story.ts'
import type { Outside } from './outside.ts'

/** What the steps need of the story they are part of: somebody outside, a router, and a guest with a floating address on each host. */
export interface Story { at: Layout; tag: string; outside: Outside; router: string; call: (method: string, path: string, body?: unknown) => Promise<any>; guests: { host: string; floating?: string }[] }

/** Runs a command in a host's own network. */
const on = (s: Story, host: string, ...command: string[]) => new Promise<string>((done, fail) => {
  const pid = need(anchor(folder(s.at, Number(host.split('-')[1]), 'libvirt')), `the namespaces of ${host}`)
  execFile('nsenter', ['-t', String(pid), '-m', '-n', ...command], (error, out) => (error ? fail(error) : done(out)))
})
const bridgeOf = (s: Story, host: string): number => {
  const state = folder(s.at, Number(host.split('-')[1]), 'bridge')
  const found = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).find((p) => { try { const line = readFileSync(`/proc/${p}/cmdline`, 'utf8').split('\0'); return path.basename(line[0]).startsWith('node') && line.includes(state) && line.includes('--underlay') } catch { return false } })
  return Number(need(found, `the bridge of ${host}`))
}

/** Asks an address all the time from outside; how long it was not answered, ms, at the longest. */
function asked(s: Story, address: string) {
  const child = spawn('ip', ['netns', 'exec', s.outside.ns, 'ping', '-D', '-i', '0.2', '-W', '1', address], { stdio: ['ignore', 'pipe', 'ignore'] })
  const answers: number[] = []
  let rest = ''
  child.stdout.on('data', (d: Buffer) => { const lines = (rest + d).split('\n'); rest = lines.pop()!; for (const l of lines) { const at = /^\[(\d+\.\d+)\].*bytes from/.exec(l)?.[1]; if (at) answers.push(Number(at) * 1000) } })
  return {
    since: (at: number) => answers.filter((a) => a > at).length,
    end() { child.kill('SIGINT'); return Math.max(...answers.slice(1).map((a, i) => a - answers[i])) },
  }
}

export async function gatewayMoves(steps: Steps, s: Story): Promise<void> {
  const home = async () => ((await s.call('GET', `/network/v2.0/routers/${s.router}/l3-agents`)).agents[0]?.host ?? '') as string
  const spaceOf = names(s.tag).routerNs(s.router)
  const moves = async (what: string, most: number, begin: (from: string) => Promise<void>) => {
    const from = await home(), guest = need(s.guests.find((g) => g.host !== from)?.floating, 'a guest elsewhere'), asking = asked(s, guest)
    await until('answers', 10, async () => asking.since(0) > 3)
    await begin(from)
    const to = await until('a new host', 90, async () => { const h = await home(); return h && h !== from && h })
    const since = Date.now()
    await until('answers again', 30, async () => asking.since(since) > 5)
    const gap = asking.end()
    console.log(`      ${what}: the outside was not answered for ${(gap / 1000).toFixed(1)} s`)
    equal(`at most ${most} s`, gap < most * 1000, true)
    return { from, to }
  }
  let stopped: { from: string; pid: number } | undefined
  await steps.step('the host of a router says nothing any more, but its kernel goes on: another has the gateway, and the first is silent', async () => {
    const { from, to } = await moves('host silent', 75, async (host) => { stopped = { from: host, pid: bridgeOf(s, host) }; process.kill(stopped.pid, 'SIGSTOP') })
    equal('its own copy is still there', (await on(s, from, 'ip', 'netns', 'list')).includes(spaceOf), true)
    equal('and fenced', /elements/.test(await on(s, from, 'nft', 'list', 'set', 'bridge', `virga_${s.tag}`, 'fenced')), true)
    equal('the new one is not', /elements/.test(await on(s, to, 'nft', 'list', 'set', 'bridge', `virga_${s.tag}`, 'fenced')), false)
  })
  await steps.step('when it speaks again it gives up what is not its any more', async () => {
    const { from, pid } = need(stopped, 'a host that was stopped')
    process.kill(pid, 'SIGCONT')
    stopped = undefined
    await until('gone', 40, async () => !(await on(s, from, 'ip', 'netns', 'list')).includes(spaceOf))
    await until('up', 40, async () => (await s.call('GET', '/hosts')).hosts.find((h: { name: string }) => h.name === from).up)
  })
  if (stopped) process.kill(stopped.pid, 'SIGCONT')
  await steps.step('a host that is disabled hands its router over', async () => {
    const { hosts } = await s.call('GET', '/hosts'), idOf = (name: string) => hosts.find((h: { name: string }) => h.name === name).id
    const { from } = await moves('host disabled', 20, async (host) => { await s.call('PATCH', `/hosts/${idOf(host)}`, { enabled: false, disabled_reason: 'a test' }) })
    await s.call('PATCH', `/hosts/${idOf(from)}`, { enabled: true })
    equal('its copy is gone', (await on(s, from, 'ip', 'netns', 'list')).includes(spaceOf), false)
  })
}
