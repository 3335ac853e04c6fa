import { hostname } from 'node:os'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { outside } from '../../schema/hosts.ts'
import { physicalNetworks } from './physical.ts'

export const usage = `usage: bridge --cloud URL --state DIR [--enroll TOKEN] [--name NAME]
  [--hypervisor libvirt|simulated] [--slots N] [--tag TAG] [--pidfile FILE] [--wipe]
  libvirt:   [--libvirt-uri URI] [--virt-type qemu|kvm] [--external-cidr CIDR] [--uplink DEVICE] [--external-device DEVICE]
             [--physical-network NAME=DEVICE]... [--underlay ADDRESS] [--network-driver linuxbridge|openvswitch]
             [--peer-port PORT] [--image-cache-gb N] [--image-cache-days N] [--dns host|none|ADDRESS,...]
  simulated: [--hosts N] [--vcpus N] [--memory-mb N] [--disk-gb N]
The token may also come in VIRGA_ENROLL, where other users of the machine do not see it.
VIRGA_SIM holds, as JSON, how simulated hosts are to misbehave.`

export type Flags = ReturnType<typeof flags>

export class Usage extends Error {}

/** Reads and checks the command line; every complaint names its flag. */
export function flags(argv: string[], env: Record<string, string | undefined> = process.env) {
  const text = { type: 'string' } as const
  let values
  try {
    values = parseArgs({ args: argv, strict: true, options: {
      cloud: text, enroll: text, state: text, name: text, hypervisor: text, hosts: text, slots: text, vcpus: text, 'memory-mb': text, 'disk-gb': text,
      'libvirt-uri': text, 'virt-type': text, tag: text, 'external-cidr': text, uplink: text, 'external-device': text, 'physical-network': { ...text, multiple: true }, underlay: text, 'network-driver': text, 'peer-port': text, 'image-cache-gb': text, 'image-cache-days': text, dns: text, pidfile: text,
      wipe: { type: 'boolean' }, help: { type: 'boolean' },
    } }).values
  } catch (error) { throw new Usage((error as Error).message) }
  if (values.help) throw new Usage('')
  if (!values.state) throw new Usage('--state is missing')
  if (!values.wipe && !URL.canParse(values.cloud ?? '')) throw new Usage('--cloud must be a URL')
  return {
    cloud: values.cloud ?? '',
    token: values.enroll ?? env.VIRGA_ENROLL,
    state: resolve(values.state),
    name: matching('name', values.name ?? hostname(), /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/),
    hypervisor: one('hypervisor', values.hypervisor ?? 'libvirt', ['libvirt', 'simulated']),
    hosts: count('hosts', values.hosts ?? '1', 1, 10_000),
    slots: values.slots === undefined ? undefined : count('slots', values.slots, 1, 256),
    capacity: {
      vcpus: count('vcpus', values.vcpus ?? '64', 1),
      memoryMb: count('memory-mb', values['memory-mb'] ?? '262144', 1),
      diskGb: count('disk-gb', values['disk-gb'] ?? '4096', 1),
    },
    libvirtUri: values['libvirt-uri'],
    virtType: values['virt-type'] === undefined ? undefined : one('virt-type', values['virt-type'], ['qemu', 'kvm']),
    tag: values.tag === undefined ? undefined : matching('tag', values.tag, /^[0-9a-f]{4}$/),
    externalCidr: values['external-cidr'],
    uplink: values.uplink,
    physical: physical(values['physical-network'] ?? [], values['external-device']),
    underlay: values.underlay,
    networkDriver: values['network-driver'] === undefined ? undefined : one('network-driver', values['network-driver'], ['linuxbridge', 'openvswitch']),
    cache: {
      maxBytes: values['image-cache-gb'] === undefined ? undefined : count('image-cache-gb', values['image-cache-gb'], 0) * 2 ** 30,
      maxAgeMs: values['image-cache-days'] === undefined ? undefined : count('image-cache-days', values['image-cache-days'], 0, 36500) * 86400_000,
    },
    peerPort: values['peer-port'] === undefined ? undefined : count('peer-port', values['peer-port'], 1, 65535),
    dns: resolvers(values.dns ?? 'host'),
    pidfile: values.pidfile,
    wipe: values.wipe ?? false,
    mischief: env.VIRGA_SIM ? object('VIRGA_SIM', env.VIRGA_SIM) : undefined,
  }
}

function resolvers(value: string): string[] | 'host' {
  if (value === 'host') return 'host'
  if (value === 'none') return []
  const list = value.split(',')
  if (!list.every((a) => isIP(a))) throw new Usage('--dns must be host, none, or addresses with commas between them')
  return list
}

/** The outside network is on a physical one like others; its device has a flag of its own, since most hosts need no more. */
function physical(named: string[], external: string | undefined): Record<string, string> {
  try { return physicalNetworks([...named, ...(external === undefined ? [] : [`${outside}=${external}`])]) } catch (error) { throw new Usage((error as Error).message) }
}

function matching(flag: string, value: string, shape: RegExp): string {
  if (!shape.test(value)) throw new Usage(`--${flag} must match ${shape.source}`)
  return value
}

function one<const T extends string>(flag: string, value: string, of: readonly T[]): T {
  if (!of.includes(value as T)) throw new Usage(`--${flag} must be one of ${of.join(', ')}`)
  return value as T
}

function count(flag: string, value: string, least: number, most = 1 << 30): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < least || number > most) throw new Usage(`--${flag} must be a whole number from ${least} to ${most}`)
  return number
}

function object(name: string, text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text)
    if (value && typeof value === 'object' && !Array.isArray(value)) return value
  } catch {}
  throw new Usage(`${name} must be a JSON object`)
}
