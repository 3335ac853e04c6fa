import { idOf } from '../ids.ts'

/** Rules of the network service as EC2 tells them: singly, and gathered into permissions. */
const NAMES: Record<string, string> = { '6': 'tcp', '17': 'udp', '1': 'icmp', 'ipv6-icmp': 'icmpv6', '58': 'icmpv6' }
export const protocolOf = (r: any): string => (r.protocol === null || r.protocol === undefined ? '-1' : NAMES[r.protocol] ?? String(r.protocol))
function portsOf(r: any): { fromPort?: number; toPort?: number } {
  const protocol = protocolOf(r)
  if (protocol === '-1') return {}
  if (/^icmp/.test(protocol)) return { fromPort: r.port_range_min ?? -1, toPort: r.port_range_max ?? -1 }
  return ['tcp', 'udp'].includes(protocol) && r.port_range_min === null ? { fromPort: 0, toPort: 65535 } : { fromPort: r.port_range_min ?? undefined, toPort: r.port_range_max ?? undefined }
}
const cidrOf = (r: any): string => r.remote_ip_prefix ?? (r.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0')

export const ruleView = (r: any) => ({
  securityGroupRuleId: idOf('security-group-rule', r.id), groupId: idOf('security-group', r.security_group_id), groupOwnerId: r.project_id as string, isEgress: r.direction === 'egress', ipProtocol: protocolOf(r), ...portsOf(r), description: r.description || undefined,
  referencedGroupInfo: r.remote_group_id ? { groupId: idOf('security-group', r.remote_group_id), userId: r.project_id as string } : undefined, cidrIpv4: !r.remote_group_id && r.ethertype === 'IPv4' ? cidrOf(r) : undefined, cidrIpv6: !r.remote_group_id && r.ethertype === 'IPv6' ? cidrOf(r) : undefined,
  tagSet: [] as { key: string; value: string }[],
})
export interface Permission { ipProtocol: string; fromPort?: number; toPort?: number; groups: { groupId: string; userId: string; description?: string }[]; ipRanges: { cidrIp: string; description?: string }[]; ipv6Ranges: { cidrIpv6: string; description?: string }[]; prefixListIds: [] }
export function permissions(rules: any[]): Permission[] {
  const out = new Map<string, Permission>()
  for (const r of rules) {
    const v = ruleView(r), { ipProtocol, fromPort, toPort } = v, key = `${ipProtocol} ${fromPort} ${toPort}`, at = out.get(key) ?? { ipProtocol, fromPort, toPort, groups: [], ipRanges: [], ipv6Ranges: [], prefixListIds: [] as [] }
    out.set(key, at)
    if (v.referencedGroupInfo) { if (!at.groups.some((g) => g.groupId === v.referencedGroupInfo!.groupId)) at.groups.push({ ...v.referencedGroupInfo, description: v.description }) }
    else if (v.cidrIpv4) at.ipRanges.push({ cidrIp: v.cidrIpv4, description: v.description })
    else if (v.cidrIpv6) at.ipv6Ranges.push({ cidrIpv6: v.cidrIpv6, description: v.description })
  }
  return [...out.values()]
}
