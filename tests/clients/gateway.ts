import { execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { anchor, folder } from '../../local/host/many.ts'
import type { Layout } from '../../local/layout.ts'
import { legs } from '../../local/host/wires.ts'
import { names } from '../../bridge/network/names.ts'
import { until, type Steps } from '../steps.ts'
import { equal } from './cli.ts'
import type { Guest } from './guest.ts'
import { need } from './story.ts'
import type { Outside } from './outside.ts'

/** What the steps need of the story they are part of: somebody outside, a router, and a guest with a floating address on each host. */
export interface Story { at: Layout; tag: string; outside: Outside; router: string; call: (method: string, path: string, body?: unknown) => Promise<any>; guests: { host: string; floating?: string; address: string; port: string; guest?: Guest }[]; network: string }

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
  await steps.step('a host is gone, with all its cables: its router goes on elsewhere', async () => {
    const { from } = await moves('host gone', 90, async (host) => {
      stopped = { from: host, pid: bridgeOf(s, host) }
      process.kill(stopped.pid, 'SIGSTOP')
      for (const leg of [legs.ext, legs.under]) await on(s, host, 'ip', 'link', 'set', leg, 'down')
    })
    for (const leg of [legs.ext, legs.under]) await on(s, from, 'ip', 'link', 'set', leg, 'up')
    process.kill(stopped!.pid, 'SIGCONT')
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

/** From within a real guest: another's IPv4, the gateway's, another MAC. The other host's end of the tunnel hears none of it, and what is not forged. */
export async function forges(steps: Steps, s: Story): Promise<void> {
  await steps.step('a guest that forges addresses is not heard beyond its host', async () => {
    const [one, two] = s.guests, from = need(one?.guest, 'a guest'), hex = (a: string) => a.split('.').map((x) => Number(x).toString(16).padStart(2, '0')).join('')
    const ways = [names(s.tag).vxlan(s.network), names(s.tag).wire(s.network)], tunnel = need((JSON.parse(await on(s, two.host, 'ip', '-j', 'link')) as { ifname: string }[]).find((l) => ways.includes(l.ifname))?.ifname, 'a tunnel')
    const mac = (await from.run('cat /sys/class/net/eth0/address')).trim(), frames = new URL('../bridge/frames.py', import.meta.url).pathname
    const heard = async (mark: string, command: string) => {
      const pid = need(anchor(folder(s.at, Number(two.host.split('-')[1]), 'libvirt')), `the namespaces of ${two.host}`)
      const ear = spawn('nsenter', ['-t', String(pid), '-n', 'python3', frames, 'sniff', tunnel, '20', mark], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      ear.stdout.on('data', (d: Buffer) => { said += d })
      await until('an ear', 20, async () => said.includes('ready'))
      await from.run(`(${command}) > /dev/null 2>&1; true`)
      await new Promise((over) => { if (ear.exitCode === null) ear.once('close', over); else over(undefined) })
      return Number(said.trim().split('\n').at(-1))
    }
    const first = one.address.replace(/\.\d+$/, ''), ping = (more = '') => `ping -c 3 -W 1 ${more} ${two.address}`
    equal('its own address is heard', await heard(hex(one.address) + hex(two.address), ping()) >= 3, true)
    equal("another's IPv4", await heard(`${hex(`${first}.99`)}${hex(two.address)}`, `ip addr add ${first}.99/24 dev eth0; ${ping(`-I ${first}.99`)}; ip addr del ${first}.99/24 dev eth0`), 0)
    equal("the gateway's address, by ARP", await heard(`${mac.replaceAll(':', '')}${hex(`${first}.1`)}`, `ip addr add ${first}.1/32 dev eth0; arping -U -c 3 -I eth0 ${first}.1; ping -c 1 -W 1 -I ${first}.1 ${first}.77; ip addr del ${first}.1/32 dev eth0`), 0)
    equal('another MAC', await heard('020000000066', `ip link set eth0 address 02:00:00:00:00:66; ${ping()}; ip link set eth0 address ${mac}`), 0)
    equal('and it is itself again', await heard(hex(one.address) + hex(two.address), ping()) >= 3, true)
  })
}
