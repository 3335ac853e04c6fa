import type { host } from '../../../schema/host.ts'
import type { agentSetting } from '../../../schema/network.ts'
import { isUp } from '../../hosts/up.ts'
import { notFound } from '../../kernel/fault.ts'

type Host = typeof host.$inferSelect
export type Setting = typeof agentSetting.$inferSelect
export type Kind = Setting['kind']

/** What the daemon on a host does for its network, under the names operators look for. `digit` marks it in the agent's id. */
export const kinds: { kind: Kind; digit: string; type: string; binary: string; topic: string }[] = [
  { kind: 'bridge', digit: '5', type: 'Linux bridge agent', binary: 'neutron-linuxbridge-agent', topic: 'N/A' },
  { kind: 'dhcp', digit: '6', type: 'DHCP agent', binary: 'neutron-dhcp-agent', topic: 'dhcp_agent' },
  { kind: 'l3', digit: '7', type: 'L3 agent', binary: 'neutron-l3-agent', topic: 'l3_agent' },
  { kind: 'metadata', digit: '8', type: 'Metadata agent', binary: 'neutron-metadata-agent', topic: 'N/A' },
]
/** An agent's id is its host's with another version digit: nothing has to be kept, and it leads back. */
export const agentId = (hostId: string, kind: Kind) => hostId.slice(0, 14) + kinds.find((k) => k.kind === kind)!.digit + hostId.slice(15)
export function hostOfAgent(id: string): { host: string; kind: Kind } {
  const found = kinds.find((k) => k.digit === id[14])
  if (!found || !/^[0-9a-f-]{36}$/.test(id)) throw noAgent(id)
  return { host: `${id.slice(0, 14)}4${id.slice(15)}`, kind: found.kind }
}
export const noAgent = (id: string) => notFound('agent', id, undefined, { type: 'AgentNotFound' })

const date = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19).replace('T', ' ')
export function agentView(h: Host, kind: Kind, setting: Setting | undefined, now: number, load: { networks: number; ports: number; routers: number }) {
  const k = kinds.find((x) => x.kind === kind)!
  const configurations = kind === 'dhcp' ? { networks: load.networks, ports: load.ports, dhcp_driver: 'dnsmasq' } : kind === 'l3' ? { routers: load.routers, agent_mode: 'legacy' }
    : kind === 'bridge' ? { devices: load.ports, tunnel_types: ['vxlan'], tunneling_ip: h.hypervisor?.address ?? '' } : {}
  return {
    id: agentId(h.id, kind), agent_type: k.type, binary: k.binary, topic: k.topic, host: h.name, admin_state_up: setting?.adminUp ?? true, alive: isUp(h, now), description: setting?.description || null,
    availability_zone: kind === 'dhcp' || kind === 'l3' ? h.zone : null, created_at: date(h.createdAt), started_at: date(h.createdAt), heartbeat_timestamp: date(h.seenAt), resources_synced: null, resource_versions: {}, configurations,
  }
}
