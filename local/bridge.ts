import path from 'node:path'
import type { Control } from './control.ts'
import { bridges, keyFile, type Many } from './host/many.ts'
import { node, readJson, root, type Layout } from './layout.ts'
import type { Child, Supervisor } from './supervisor.ts'

export interface Host {
  hypervisor: 'libvirt' | 'simulated'
  /** How many hosts the one process stands for. */
  hosts: number
  libvirtUri?: string
  virtType?: string
  externalCidr: string
  /** The device that leads to each physical network. */
  physical?: Record<string, string>
  /** Several real hosts on this machine. */
  many?: Pick<Many, 'underlay' | 'reach' | 'networkDriver'>
}

const simulatedName = 'sim'

/** What the bridge of this machine is told, whether it is to run or to wipe. */
export function bridgeArgs(at: Layout, host: Host): string[] {
  const flags: Record<string, string | undefined> = {
    state: at.in('bridge'), tag: at.tag, hypervisor: host.hypervisor, 'libvirt-uri': host.libvirtUri, 'virt-type': host.virtType,
    'external-cidr': host.hypervisor === 'libvirt' ? host.externalCidr : undefined,
    ...(host.hosts > 1 && { hosts: String(host.hosts), name: simulatedName }),
  }
  return [path.join(root, 'bridge', 'main.ts'), ...Object.entries(flags).flatMap(([name, value]) => value === undefined ? [] : [`--${name}`, value]),
    ...Object.entries(host.physical ?? {}).flatMap(([name, device]) => ['--physical-network', `${name}=${device}`])]
}

/** Starts the bridge, enrolling first whatever host is new; resolves once every one of them has told what it has. */
export async function startBridge(at: Layout, supervisor: Supervisor, control: Control, cloud: string, host: Host): Promise<void> {
  const fresh = keyFiles(at, host).filter((file) => !readJson<{ host?: string }>(file)?.host).length
  const child: Child = {
    ...(host.many ? bridges(at, { ...host.many, tag: at.tag, externalCidr: host.externalCidr, virtType: host.virtType!, physical: host.physical, hosts: host.hosts, cloud })
      : { name: 'bridge', command: node, args: ['--disable-warning=ExperimentalWarning', ...bridgeArgs(at, host), '--cloud', cloud], graceMs: 5500 }),
    // by environment: arguments are anyone's to read
    env: fresh ? { VIRGA_ENROLL: await control.enrolment(fresh) } : {},
  }
  const began = Date.now()
  await supervisor.start(child)
  const ids = () => keyFiles(at, host).map((file) => readJson<{ host?: string }>(file)?.host)
  await supervisor.until('bridge', 60_000 + host.hosts * 100, async () => {
    if (ids().some((id) => !id)) return false
    const here = await control.hosts()
    return ids().every((id) => here.some((h) => h.id === id && h.up && h.version && Date.parse(h.last_seen_at ?? '') >= began - 1000))
  })
}

/** Where the bridge keeps who it is. */
const keyFiles = (at: Layout, { hosts, many }: Host) => many
  ? Array.from({ length: hosts }, (_, i) => keyFile(at, i + 1))
  : hosts === 1 ? [at.in('bridge', 'host.json')]
  : Array.from({ length: hosts }, (_, i) => at.in('bridge', 'hosts', `${simulatedName}-${i + 1}`, 'host.json'))
