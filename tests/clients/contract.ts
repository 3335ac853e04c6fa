import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Running } from '../harness/running.ts'
import { sh, until } from '../steps.ts'
import { Cli, equal } from './cli.ts'
import { Guest } from './guest.ts'
import { Host } from './host.ts'
import { need, status, type Story } from './story.ts'

/** Every process a cloud says it has. */
const pids = (c: Running) => readdirSync(path.join(c.data, 'run')).filter((f) => f.endsWith('.pid')).map((f) => ({ name: f.slice(0, -4), pid: Number(readFileSync(path.join(c.data, 'run', f), 'utf8')) }))
const lives = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

/** What `npm start` promises about stopping, dying and coming back. The second server runs through all of it. */
export async function contract(s: Story, args: string[]) {
  const { steps, c, real, demo } = s
  const answers = async (when: string) => { if (real && !await need(s.second, 'a guest').pings()) throw new Error(`the guest does not answer ${when}`) }
  const whole = async () => {
    const { server } = await c.call('demo', 'GET', `/compute/v2.1/servers/${need(s.two, 'the second server')}`)
    equal('the server', server.status, 'ACTIVE')
    await answers('afterwards')
    if (real) equal('its name', await s.second!.up(60), 'two')
  }
  await steps.step('a child that dies is started again within 2 s', async () => {
    for (const name of ['functions', 'bridge'] as const) {
      const pid = c.kill(name), since = performance.now()
      await c.back(name, pid, 10)
      const took = performance.now() - since
      if (took > 2000) throw new Error(`${name} was back after ${Math.round(took)} ms`)
    }
    await until('the host being up', 30, async () => (await c.call('admin', 'GET', '/hosts')).hosts.every((h: { up: boolean }) => h.up))
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await steps.step(`${signal} stops all it started within 10 s; the guest runs on and is picked up by the next start`, async () => {
      const before = pids(c), took = await c.stop(signal)
      if (took > 10_000) throw new Error(`it took ${Math.round(took)} ms`)
      const left = before.filter(({ name, pid }) => name !== 'virtlogd' && lives(pid))
      if (left.length) throw new Error(`still running: ${left.map((l) => `${l.name} (${l.pid})`).join(', ')}`)
      await answers('while the cloud is stopped')
      await c.start()
      await whole()
    })
  }
  await steps.step('kill -9 of everything, and started again: all is back', async () => {
    const { stdout: before } = await demo.run('console', 'log', 'show', need(s.two, 'the second server'))
    // The runner first, or it would start the others again.
    for (const { pid } of pids(c).sort((a, b) => Number(b.name === 'runner') - Number(a.name === 'runner'))) try { process.kill(pid, 'SIGKILL') } catch { /* gone already */ }
    c.child?.kill('SIGKILL')
    await answers('while everything is dead')
    await until('the port being free', 20, () => fetch(c.url).then(() => false, () => true))
    await c.start()
    await whole()
    const { stdout: after } = await demo.run('console', 'log', 'show', s.two!)
    if (real && !after.includes(before.trim().split('\n').at(-1)!)) throw new Error('the console log lost what it had')
    await demo.run('server', 'stop', s.two!)
    await status(s, s.two!, 'SHUTOFF')
    await demo.run('server', 'start', s.two!)
    await status(s, s.two!, 'ACTIVE')
    if (real) await s.second!.up()
  })
  await twins(s, args)
}

/** Another cloud on the same machine, with the same addresses inside. */
async function twins(s: Story, args: string[]) {
  const { steps, real } = s
  const other = await Running.make(args)
  const host = new Host(other.data)
  await steps.step('a second cloud on this machine: a server of its own, at the same inner addresses', async () => {
    await other.start()
    const demo = Cli.cloud(other.data, 'virga-demo')
    if (real && host.externalCidr === s.host.externalCidr) throw new Error(`both clouds have ${host.externalCidr} outside`)
    const listed = await demo.json<unknown[]>('server', 'list')
    equal('servers of the other cloud that it shows', listed, [])
    await demo.run('security', 'group', 'rule', 'create', '--protocol', 'icmp', 'default')
    await demo.run('server', 'create', '--image', 'tiny', '--flavor', 'm1.nano', '--network', 'demo', '--wait', 'twin')
    const floating = (await demo.json('floating', 'ip', 'create', 'public')).floating_ip_address as string
    await demo.run('server', 'add', 'floating', 'ip', 'twin', floating)
    if (!real) return
    await until('the twin answering', 150, () => new Guest(floating, s.key).pings())
    if (!await need(s.second, 'a guest').pings()) throw new Error('the first cloud\'s guest does not answer any more')
  })
  const tag = host.tag
  await steps.step('npm run reset removes the second cloud, guests and host networking included, and leaves the first alone', async () => {
    const had = real ? host.emulators() : 1
    await other.reset()
    if (had < 1) throw new Error('the second cloud had no guest to remove')
    if (existsSync(other.data)) throw new Error(`${other.data} is still there`)
    if (real) await bare(host, tag)
    const { server } = await s.c.call('demo', 'GET', `/compute/v2.1/servers/${need(s.two, 'the second server')}`)
    equal('the first cloud\'s server', server.status, 'ACTIVE')
    if (real) equal('its name', await s.second!.up(60), 'two')
  })
}

/** Nothing on this machine carries a cloud's mark any more. */
export async function bare(host: Host, tag: string) {
  const has = async (command: string, args: string[]) => (await sh(command, args)).stdout.split('\n').filter((l) => l.includes(`v${tag}`) || l.includes(`virga_${tag}`))
  for (const [what, command, args] of [['devices', 'ip', ['-o', 'link']], ['namespaces', 'ip', ['netns', 'list']], ['tables', 'nft', ['list', 'tables']]] as const) equal(what, await has(command, [...args]), [])
  const { stdout } = await sh('ps', ['-eo', 'args'])
  equal('processes', stdout.split('\n').filter((l) => l.includes(host.data)), [])
}
