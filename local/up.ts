import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { startBridge, type Host } from './bridge.ts'
import { Control } from './control.ts'
import { writeClientFiles } from './files.ts'
import type { Functions } from './functions.ts'
import { chooseHypervisor } from './host/choose.ts'
import { claimExternal } from './host/external.ts'
import { startLibvirt } from './host/libvirtd.ts'
import { startMany } from './host/many.ts'
import { virtType } from './host/virt-type.ts'
import { requireSwitches } from './host/wires.ts'
import type { Layout } from './layout.ts'
import { bracketed, reachable, type Options } from './options.ts'
import { free } from './ports.ts'
import { say, step } from './say.ts'
import { secrets, type Secrets } from './secrets.ts'
import { guest, type Guest } from './setup/guest.ts'
import { missingForGuest } from './setup/packages.ts'
import { readState, withState, writeState } from './state.ts'
import { settings } from './settings.ts'
import { stores } from './stores.ts'
import type { Supervisor } from './supervisor.ts'

export const region = 'RegionOne'
const imageName = 'tiny'

export interface Cloud { url: string; control: Control; secrets: Secrets; simulated?: string }

/** Brings the whole cloud up, skipping what an earlier start did. */
export async function up(given: Options, at: Layout, supervisor: Supervisor, functions: Functions): Promise<Cloud> {
  const before = readState(at)
  const options = withState(given, before)
  // without a host here, those that join are real ones elsewhere
  const { kind, why } = options.hosts === 0 ? { kind: before?.hypervisor ?? 'libvirt' as const, why: undefined } : await chooseHypervisor(options, path.join(at.log, 'apt.log'))
  const real = kind === 'libvirt' && options.hosts > 0, many = real && options.hosts > 1
  if (why) say(`  simulated host: ${why}`)
  const state = { hypervisor: kind, hosts: options.hosts, externalCidr: before?.externalCidr ?? (real ? claimExternal(at) : '172.24.4.0/24'), networkDriver: many ? options.networkDriver : undefined, physical: options.physical }
  if (given.physical && !real) throw new Error('--physical-network is about real hosts')
  if (many) requireSwitches(Object.values(options.physical ?? {}))
  const keys = secrets(at)

  // what the host needs goes on while the control plane starts
  const image = guestOr(at, real)
  const hypervisor = real ? step('libvirt', async (note) => {
    const found = many ? { underlay: await startMany(at, supervisor, options.hosts, options.networkDriver) } : { uri: await startLibvirt(at, supervisor) }
    note(many ? `${options.hosts} hosts answer` : 'answers')
    return found
  }) : Promise.resolve(undefined)
  const virt = real ? image.then((made) => step('hypervisor', async (note) => {
    const type = await virtType(at, made!.kernel)
    note(type === 'kvm' ? 'KVM' : 'emulation (TCG): a guest does not boot under KVM here')
    return type
  })) : Promise.resolve(undefined)
  for (const side of [image, hypervisor, virt]) side.catch(() => {})   // looked at below, where it is needed

  const { control, url, inner, bytes } = await controlPlane(options, at, supervisor, functions, keys)
  await step('users, flavors, networks', async (note) => {
    await control.setup({ adminPassword: keys.adminPassword, demoPassword: keys.demoPassword, publicUrl: url, region, simulated: kind === 'simulated', externalCidr: state.externalCidr })
    await control.logIn(keys.adminPassword)
    note('there')
  })
  writeState(at, state)
  await uploadImage(at, control, await image)
  if (options.hosts > 0) {
    const { uri, underlay } = await hypervisor ?? {}
    const host: Host = { ...state, libvirtUri: uri, virtType: await virt, ...(underlay && { many: { underlay, reach: bytes, networkDriver: options.networkDriver } }) }
    await step('bridge', async (note) => {
      await startBridge(at, supervisor, control, inner, host)
      note(options.hosts === 1 ? `this machine is a ${real ? '' : 'simulated '}host` : `${options.hosts} ${real ? '' : 'simulated '}hosts`)
    })
  }
  writeClientFiles(at, url, region, { user: 'admin', password: keys.adminPassword, project: 'admin' }, { user: 'demo', password: keys.demoPassword, project: 'demo' })
  return { url, control, secrets: keys, ...(options.hosts > 0 && !real && { simulated: why ?? 'as asked' }) }
}

async function controlPlane(options: Options, at: Layout, supervisor: Supervisor, functions: Functions, keys: Secrets) {
  const address = reachable(options.listen)
  for (const name of ['functions', 'bridge', 'libsql', 's3']) await supervisor.replaceStale(name)
  if (!await free(options.listen, options.port)) throw new Error(`${bracketed(options.listen)}:${options.port} is taken by another program: choose another --port`)
  const bindings = await step('database and object store', (note) => stores(options, at, supervisor, keys, note))

  const url = options.publicUrl ?? `http://${bracketed(address)}:${options.port}`
  const local = ['0.0.0.0', '::'].includes(options.listen) ? '127.0.0.1' : options.listen
  const inner = `http://${bracketed(local)}:${options.port}`
  const control = new Control(inner, keys.internal)
  await step('functions', async () => {
    await supervisor.start(await functions(at, { listen: options.listen, port: options.port, vars: {
      ...bindings, MASTER_SECRET: keys.master, INTERNAL_SECRET: keys.internal, PUBLIC_URL: url, REGION: region, ...await settings(process.env),
    } }))
    await supervisor.until('functions', 60_000, control.answers)
  })
  return { control, url, inner, bytes: [bindings.S3_URL, bindings.S3_PUBLIC_URL].filter((u) => u !== undefined) }
}

/** The guest's files; without what builds them, and no real host to boot them, undefined. */
async function guestOr(at: Layout, real: boolean): Promise<Guest | undefined> {
  const missing = real ? [] : missingForGuest()
  if (missing.length) return undefined
  const build = step('guest image', (note) => guest(path.join(at.log, 'guest.log'), note))
  return real ? build : build.catch(() => undefined)
}

/** Once: the public image. A simulated host boots nothing, so there an empty disk will do where the guest cannot be built. */
async function uploadImage(at: Layout, control: Control, made: Guest | undefined): Promise<void> {
  if (await control.image(imageName)) return
  await step('public image', async (note) => {
    if (made) {
      await control.upload(made.image, { name: imageName, disk_format: 'qcow2', min_disk: 0, min_ram: 0, os_distro: 'debian', hw_qemu_guest_agent: 'yes' })
      return note(`'${imageName}' uploaded`)
    }
    const empty = at.in('empty.raw')
    if (!existsSync(empty)) writeFileSync(empty, Buffer.alloc(1 << 20))
    await control.upload(empty, { name: imageName, disk_format: 'raw', description: 'An empty disk: the guest image cannot be built on this machine, and its host is simulated' })
    rmSync(empty)
    note(`'${imageName}' is an empty disk: the guest cannot be built here (${missingForGuest().join(', ') || 'see guest.log'})`)
  })
}
