import { invalid } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { readCidr } from '../addresses.ts'
import type { RuleRow } from './groups.ts'
import { protocolNumbers, wireProtocol } from './protocols.ts'

type Read = Pick<RuleRow, 'direction' | 'ethertype' | 'protocol' | 'portMin' | 'portMax' | 'remoteIp' | 'remoteGroup' | 'remoteAddressGroup'>
/** Protocols that have ports. */
const PORTS = new Set([6, 17, 33, 132, 136])
const V6 = new Set([41, 43, 44, 58, 59, 60])
const number = (v: unknown) => (v === null || v === undefined || v === '' ? null : Number(v))

/** A rule as asked for, in canonical form; 400 with the API's own names for what is wrong. */
export function readRule(values: Row): Read {
  const ethertype = /6/.test(values.ethertype ?? '') ? 'IPv6' as const : 'IPv4' as const
  const protocol = readProtocol(values.protocol), family = ethertype === 'IPv6' ? 6 : 4
  const n = wireProtocol(protocol, family)
  if (protocol !== null && ethertype === 'IPv4' && n !== undefined && V6.has(n)) throw invalid(`Invalid ethertype ${ethertype} for protocol ${protocol}.`, { type: 'SecurityGroupEthertypeConflictWithProtocol' })
  const portMin = number(values.portMin), portMax = number(values.portMax)
  checkPorts(protocol, n, portMin, portMax)
  if ([values.remoteIp, values.remoteGroup, values.remoteAddressGroup].filter(Boolean).length > 1) throw invalid('Only remote_ip_prefix or remote_group_id may be provided.', { type: 'SecurityGroupRemoteGroupAndRemoteIpPrefix' })
  let remoteIp: string | null = null
  if (values.remoteIp) {
    const text = String(values.remoteIp), c = readCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`, 'remote_ip_prefix')
    if (c.version !== family) throw invalid(`Conflicting value ethertype ${ethertype} for CIDR ${text}`, { type: 'SecurityGroupRuleParameterConflict' })
    remoteIp = c.text
  }
  return { direction: values.direction, ethertype, protocol, portMin, portMax, remoteIp, remoteGroup: values.remoteGroup || null, remoteAddressGroup: values.remoteAddressGroup || null }
}

function readProtocol(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null
  const text = String(value).toLowerCase()
  if (text === 'any') return null
  if (/^\d+$/.test(text) ? Number(text) <= 255 : text in protocolNumbers) return /^\d+$/.test(text) ? String(Number(text)) : text
  throw invalid(`Security group rule protocol ${text} not supported. Only protocol values [${Object.keys(protocolNumbers).join(', ')}] and integer representations [0 to 255] are supported.`, { type: 'SecurityGroupRuleInvalidProtocol' })
}

function checkPorts(protocol: string | null, n: number | undefined, min: number | null, max: number | null) {
  if (min === null && max === null) return
  if (protocol === null || n === undefined) throw invalid('Must also specify protocol if port range is given.', { type: 'SecurityGroupProtocolRequiredWithPorts' })
  if (n === 1 || n === 58) {
    for (const [name, v] of [['port_range_min', min], ['port_range_max', max]] as const) if (v !== null && (v < 0 || v > 255)) throw invalid(`Invalid value for ICMP ${name === 'port_range_min' ? 'type' : 'code'} (${name}) ${v}. It must be 0 to 255.`, { type: 'SecurityGroupInvalidIcmpValue' })
    if (min === null) throw invalid(`ICMP code (port-range-max) ${max} is provided but ICMP type (port-range-min) is missing.`, { type: 'SecurityGroupMissingIcmpType' })
    return
  }
  if (!PORTS.has(n)) throw invalid(`Ports cannot be specified for protocol ${protocol}. Ports are only supported for tcp, udp, sctp, dccp, udplite.`, { type: 'SecurityGroupInvalidProtocolForPort' })
  for (const v of [min, max]) if (v !== null && (v < 1 || v > 65535)) throw invalid(`Invalid value for port ${v}.`, { type: 'SecurityGroupInvalidPortValue' })
  if (min === null || max === null || min > max) throw invalid('For TCP/UDP protocols, port_range_min must be <= port_range_max', { type: 'SecurityGroupInvalidPortRange' })
}
