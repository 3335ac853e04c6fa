import type { Need } from '../../placement/claim.ts'
import type { Candidate } from './hosts.ts'

/** What a server asks of its host, beyond room. */
export interface Wish {
  need: Need
  extraSpecs: Record<string, string>
  image: Record<string, string>
  group?: { policy: string; maxPerHost: number }
  /** Hosts, by id, of the servers named by the same_host and different_host hints. */
  sameHost?: string[]
  differentHost?: string[]
  /** Stores of the volumes it boots from or takes along. */
  storage?: string[]
  /** Where other members of its group are. */
  groupHosts?: string[]
  avoid?: string[]
}
export type Filter = (host: Candidate, wish: Wish) => boolean

const room: Filter = (h, { need }) => h.freeVcpus >= need.vcpus && h.freeMemoryMb >= need.memoryMb && h.freeDiskGb >= need.diskGb
const anti: Filter = (h, { group }) => group?.policy !== 'anti-affinity' || h.groupMembers < group.maxPerHost
const affinity: Filter = (h, { group, groupHosts }) => group?.policy !== 'affinity' || !groupHosts?.length || groupHosts.includes(h.id)
const sameHost: Filter = (h, w) => !w.sameHost || w.sameHost.includes(h.id)
const differentHost: Filter = (h, w) => !w.differentHost?.includes(h.id)
const storage: Filter = (h, w) => (w.storage ?? []).every((s) => s === h.storage || s === h.id)
const avoid: Filter = (h, w) => !w.avoid?.includes(h.id)

/** `aggregate_instance_extra_specs:ssd=true` wants a host in an aggregate that says so. */
const extraSpecs: Filter = (h, { extraSpecs }) => Object.entries(extraSpecs).every(([key, wanted]) => {
  const [scope, name] = key.includes(':') ? [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)] : ['', key]
  return scope !== 'aggregate_instance_extra_specs' || h.aggregates.some((a) => name in a && matches(a[name], wanted))
})

/** An aggregate that isolates projects of an image property takes only images that agree. */
const imageProperties: Filter = (h, { image }) => h.aggregates.every((a) => ['os_distro', 'os_type', 'hw_architecture'].every((k) => !(k in a) || !(k in image) || a[k] === image[k]))
/** Real guests do not run in a simulation unless the image says it does not mind; the reverse cannot be. */
const hypervisor: Filter = (h, { image }) => !image.img_hv_type || image.img_hv_type === (h.simulated ? 'simulated' : image.img_hv_type === 'kvm' ? 'kvm' : 'qemu')

function matches(have: string, wanted: string): boolean {
  const [op, ...rest] = wanted.trim().split(/\s+/)
  const value = rest.join(' ')
  if (op === '<or>') return wanted.split('<or>').map((s) => s.trim()).filter(Boolean).includes(have)
  if (op === '<in>') return have.includes(value)
  const n = Number(have), m = Number(value)
  switch (op) {
    case '=': case '>=': return n >= m
    case '<=': return n <= m
    case '==': return n === m
    case '!=': return n !== m
    case 's==': return have === value
    case 's!=': return have !== value
    default: return have.split(',').map((s) => s.trim()).includes(wanted)
  }
}

export const filters: Record<string, Filter> = { room, anti, affinity, sameHost, differentHost, storage, avoid, extraSpecs, imageProperties, hypervisor }
