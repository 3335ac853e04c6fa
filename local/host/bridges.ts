import { spawn, type ChildProcess } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { logger } from '../../bridge/core/log.ts'
import { linuxNet } from '../../bridge/network/index.ts'
import { layout, node, readJson, root } from '../layout.ts'
import { forward, targets, type Target } from './forward.ts'
import { addressOf, anchor, configFile, enter, folder, hostName, hostsFile, type Many } from './many.ts'
import { legs, underlay, unwire, wire } from './wires.ts'

/**
 * `bridges.ts DIR [--wipe]`: the bridges of several hosts on this machine, as one process to those who look at it. It ends,
 * they end; guests stay. On the machine itself it keeps the outside network, on which every host has a leg.
 */
const at = layout(process.argv[2]!)
const many = readJson<Many>(configFile(at))!
const log = logger((line) => process.stdout.write(line))
process.stdout.on('error', () => {})
const machine = () => linuxNet({ stateDir: at.in('hosts', 'machine'), tag: many.tag, externalCidr: many.externalCidr, log: (line) => log(line) })

async function wipe(): Promise<void> {
  await unwire(many.tag)
  const net = await machine()
  await net.wipe()
  await net.close()
}

let stopping = false
const children = new Map<number, ChildProcess>()

async function main(): Promise<void> {
  const net = await machine()
  await net.apply({ revision: 0, networks: [], ports: [], elsewhere: [], routers: [], guests: [] })
  await underlay(many)
  const end = async () => {
    if (stopping) process.exit(1)
    stopping = true
    for (const child of children.values()) child.kill('SIGTERM')
    const until = performance.now() + 6000
    while (children.size && performance.now() < until) await sleep(20)
    for (const child of children.values()) child.kill('SIGKILL')
    await net.close()
    process.exit(0)
  }
  process.on('SIGTERM', end).on('SIGINT', end)
  const reach = targets([many.cloud, ...many.reach])
  for (let n = 1; n <= many.hosts; n++) void keep(n, reach)
}

/** One host: its cables, its way to the control plane and its bridge, made again whenever any of them is gone. */
async function keep(n: number, reach: Target[]): Promise<void> {
  const dir = folder(at, n, 'libvirt')
  let network = '', servers: Server[] = []
  for (let delay = 100; !stopping; delay = Math.min(delay * 2, 2000)) {
    try {
      const pid = anchor(dir)
      if (!pid) throw new Error('its namespaces are not there')
      await wire(many, n, pid, reach)
      const now = readlinkSync(`/proc/${pid}/ns/net`)
      if (now !== network) {
        for (const server of servers) server.close()
        servers = await Promise.all(reach.map((target) => forward(pid, target)))
        network = now
        writeFileSync(folder(at, n, 'names'), hostsFile(n, reach.filter((t) => t.at !== t.host).map((t) => `${t.at} ${t.host}`)))
      }
      const since = performance.now()
      if (!stopping) log('bridge ended', { host: hostName(n), how: await bridge(n, dir) })
      if (performance.now() - since > 10_000) delay = 50
    } catch (error) { log('host not connected', { host: hostName(n), error: (error as Error).message }) }
    await sleep(delay)
  }
}

/** Runs a host's bridge until it ends. It is killed with this process: two of them on one host would do everything twice. */
function bridge(n: number, dir: string): Promise<string> {
  const flags = {
    cloud: many.cloud, state: folder(at, n, 'bridge'), name: hostName(n), hypervisor: 'libvirt', 'virt-type': many.virtType, tag: many.tag,
    underlay: addressOf(many.underlay, n), 'external-device': legs.ext, 'network-driver': many.networkDriver,
  }
  const [command, ...args] = [...enter(dir), 'setpriv', '--pdeathsig', 'KILL', node, '--disable-warning=ExperimentalWarning', path.join(root, 'bridge', 'main.ts'),
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ...Object.keys(many.physical ?? {}).flatMap((name, i) => ['--physical-network', `${name}=${legs.physical(i)}`])]
  const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  children.set(n, child)
  return new Promise((ended) => {
    const over = (how: string) => { children.delete(n); ended(how) }
    child.once('error', (error) => over(error.message))
    child.once('exit', (code, signal) => over(signal ?? `exit ${code}`))
  })
}

await (process.argv[3] === '--wipe' ? wipe().then(() => process.exit(0)) : main()).catch((error: Error) => {
  log('cannot start', { error: error.message })
  process.exit(1)
})
