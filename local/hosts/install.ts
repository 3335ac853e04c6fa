import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { identity } from '../../bridge/core/enrol.ts'
import { flags } from '../../bridge/core/flags.ts'
import { logger } from '../../bridge/core/log.ts'
import { node, root as checkout } from '../layout.ts'
import { debianLike, hypervisor, installPackages, missingCommands, openvswitch, switchCommands } from '../setup/packages.ts'

const run = promisify(execFile)
const state = '/var/lib/virga/bridge', env = '/etc/virga/bridge.env', unit = '/etc/systemd/system/virga-bridge.service'
const say = (text: string) => console.log(text)

/** `root`: where the machine's files are, for tests. */
export interface Machine { root?: string }
const systemd = (at: string) => existsSync(path.join(at, '/run/systemd/system'))
const systemctl = (...args: string[]) => run('systemctl', args).catch((e: { stderr?: string; message: string }) => { throw new Error(`systemctl ${args.join(' ')}: ${(e.stderr || e.message).trim()}`) })

/**
 * Makes this machine a host of a cloud: packages, an identity, what the bridge is to be told, and a unit that keeps it
 * running. Again with other arguments it changes those; the identity stays.
 */
export async function install(args: string[], { root = '/' }: Machine = {}): Promise<void> {
  const at = (file: string) => path.join(root, file), all = ['--state', at(state), ...args], asked = flags(all)
  if (root === '/' && process.getuid?.() !== 0) throw new Error('a host is installed as root')
  // All but where the cloud is, which has a line of its own, and the token, which is used up here.
  const told = args.flatMap((a, i) => (/^--(cloud|enroll)(=|$)/.test(a) || (/^--(cloud|enroll)$/.test(args[i - 1] ?? '')) ? [] : [a]))
  const odd = [asked.cloud, ...told].find((a) => !/^[A-Za-z0-9_.,:/=@[\]-]+$/.test(a))
  if (odd !== undefined) throw new Error(`${JSON.stringify(odd)} cannot stand in ${env}`)
  if (asked.hypervisor === 'libvirt') {
    const switched = asked.networkDriver === 'openvswitch'
    if (debianLike()) await installPackages(at('/var/log/virga-install.log'), (text) => say(`packages: ${text}`), [...hypervisor, ...(switched ? openvswitch : [])])
    const missing = missingCommands(switched ? switchCommands : [])
    if (missing.length) throw new Error(`install these first: ${missing.join(', ')}`)
  }
  // Guests are other users' processes and must find their disks.
  mkdirSync(at(state), { recursive: true, mode: 0o711 })
  await identity({ cloud: asked.cloud, token: asked.token, name: asked.name, file: at(`${state}/host.json`), log: logger((line) => process.stdout.write(line)) })
  mkdirSync(path.dirname(at(env)), { recursive: true })
  writeFileSync(at(env), `VIRGA_URL=${asked.cloud}\nVIRGA_FLAGS=${told.join(' ')}\n`, { mode: 0o600 })
  chmodSync(at(env), 0o600)
  mkdirSync(path.dirname(at(unit)), { recursive: true })
  writeFileSync(at(unit), readFileSync(path.join(checkout, 'bridge/virga-bridge.service'), 'utf8').replaceAll('/opt/virga', checkout))
  if (!systemd(root)) return say(`${asked.name} is enrolled. There is no systemd here; keep this running, as root:\n\n  ${node} ${path.join(checkout, 'bridge/main.ts')} --cloud ${asked.cloud} --state ${at(state)} ${told.join(' ')}\n`)
  await systemctl('daemon-reload')
  // It saves and starts guests by itself, also those that have moved away since.
  await systemctl('disable', '--now', 'libvirt-guests').catch(() => {})
  await systemctl('enable', 'virga-bridge')
  await systemctl('restart', 'virga-bridge')
  say(`${asked.name} is a host of ${asked.cloud}; systemctl status virga-bridge`)
}

/** Takes from this machine what `install` and the bridge made, guests and their disks included. */
export async function uninstall({ root = '/' }: Machine = {}): Promise<void> {
  const at = (file: string) => path.join(root, file)
  if (systemd(root)) await systemctl('disable', '--now', 'virga-bridge').catch(() => {})
  const told = existsSync(at(env)) ? /^VIRGA_FLAGS=(.*)$/m.exec(readFileSync(at(env), 'utf8'))?.[1]!.split(' ').filter(Boolean) ?? [] : []
  await run(node, ['--disable-warning=ExperimentalWarning', path.join(checkout, 'bridge/main.ts'), '--state', at(state), ...told, '--wipe'])
  for (const file of [unit, env, state]) rmSync(at(file), { recursive: true, force: true })
  if (systemd(root)) await systemctl('daemon-reload')
  say('this machine is no host any more; its packages are left')
}
