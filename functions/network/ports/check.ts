import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Row } from '../../kernel/resource.ts'
import { readAddress, readCidr } from '../addresses.ts'
import type { NetworkRow, PortRow } from './plan.ts'

const refused = (verb: string, what: string) => forbidden(`(rule:${verb}_port and rule:${verb}_port:${what}) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
const RESERVED = /^(network|compute|baremetal|trunk):/

/**
 * Who may set what. Owners of shared networks decide about addresses on them; bindings are the operator's; owners' names
 * that mean the cloud itself (`network:`, `compute:`) are given by the cloud alone: they decide what a port may do and
 * whose guest it belongs to.
 */
export function checkMay(ctx: Ctx, verb: 'create' | 'update', values: Row, net: Pick<NetworkRow, 'project'>, now?: PortRow) {
  if (ctx.caller.admin) return
  const owner = net.project === ctx.caller.project?.id
  const changed = (name: string) => values[name] !== undefined && JSON.stringify(values[name]) !== JSON.stringify((now as Row | undefined)?.[name])
  if (values.hostId) throw refused(verb, 'binding:host_id')
  if (values.profile && Object.keys(values.profile).length) throw refused(verb, 'binding:profile')
  if (changed('deviceOwner') && (RESERVED.test(values.deviceOwner) || RESERVED.test(now?.deviceOwner ?? ''))) throw refused(verb, 'device_owner')
  if (changed('device') && RESERVED.test(now?.deviceOwner ?? '')) throw refused(verb, 'device_id')
  if (verb === 'update' && changed('mac')) throw refused(verb, 'mac_address')
  if (owner) return
  if (changed('mac')) throw refused(verb, 'mac_address')
  if (changed('portSecurity')) throw refused(verb, 'port_security_enabled')
  if (values.pairs?.length) throw refused(verb, 'allowed_address_pairs')
  if (values.fixedIps?.some((f: Row) => f.ip_address !== undefined)) throw refused(verb, 'fixed_ips:ip_address')
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/
export function readMac(text: unknown, field: string): string {
  const mac = String(text).toLowerCase().replaceAll('-', ':')
  if (!MAC.test(mac)) throw invalid(`Invalid input for ${field}. Reason: '${String(text).slice(0, 64)}' is not a valid MAC address.`)
  if (Number.parseInt(mac.slice(0, 2), 16) & 1 || mac === '00:00:00:00:00:00') throw invalid(`Invalid input for ${field}. Reason: '${mac}' is not a unicast MAC address.`)
  return mac
}

const PAIRS = 10
export function readPairs(list: Row[], mac: string) {
  if (list.length > PAIRS) throw invalid(`The number of allowed address pair exceeds the maximum ${PAIRS}.`, { type: 'AllowedAddressPairExhausted' })
  const pairs = list.map((p) => ({
    ip_address: String(p.ip_address).includes('/') ? readCidr(p.ip_address, 'allowed_address_pairs').text : readAddress(p.ip_address, 'allowed_address_pairs').text,
    mac_address: p.mac_address == null ? mac : readMac(p.mac_address, 'allowed_address_pairs'),
  }))
  const seen = new Set<string>()
  for (const p of pairs) {
    const key = `${p.mac_address} ${p.ip_address}`
    if (seen.has(key)) throw invalid(`Request contains duplicate address pair: mac_address ${p.mac_address} ip_address ${p.ip_address}.`, { type: 'DuplicateAddressPairInRequest' })
    seen.add(key)
  }
  return pairs
}

/** Options with the changes of a request on top: one of each name and family, `null` takes one away. */
export function mergeOptions(have: PortRow['dhcpOptions'], list: Row[]): PortRow['dhcpOptions'] {
  const out = new Map(have.map((o) => [`${o.opt_name} ${o.ip_version}`, o]))
  const seen = new Set<string>()
  for (const o of list) {
    const version = Number(o.ip_version ?? 4), key = `${o.opt_name} ${version}`
    if (seen.has(key)) throw invalid(`Invalid input for extra_dhcp_opts. Reason: Duplicate DHCP option '${o.opt_name}'.`)
    seen.add(key)
    if (o.opt_value === null || o.opt_value === undefined) { out.delete(key); continue }
    if (!/^[\x20-\x7e]+$/.test(String(o.opt_value))) throw invalid(`Invalid input for extra_dhcp_opts. Reason: the value of '${o.opt_name}' holds characters that no option can.`)
    out.set(key, { opt_name: o.opt_name, opt_value: String(o.opt_value), ip_version: version })
  }
  return [...out.values()]
}

/** Filters need addresses and port security; groups and pairs without it would promise what nobody enforces. */
export function checkSecurity(port: { portSecurity: boolean; pairs: unknown[] }, groups: string[]) {
  if (!port.portSecurity && groups.length) throw conflict('Port has security group associated. Cannot disable port security or IP address until security group is removed.', { type: 'PortSecurityPortHasSecurityGroup' })
  if (!port.portSecurity && port.pairs.length) throw conflict('Port Security must be enabled in order to have allowed address pairs on a port.', { type: 'AddressPairAndPortSecurityRequired' })
}
