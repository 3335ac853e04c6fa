import { invalid } from '../../kernel/fault.ts'
import type { Asks } from './vpc.ts'

export type Rule = Record<string, any>

/** One rule of EC2 as a rule of the network service. */
export async function wire(r: Asks, group: string, direction: 'ingress' | 'egress', x: Rule): Promise<Rule> {
  const asked = String(x.IpProtocol).toLowerCase(), all = asked === '-1', v6 = x.CidrIpv6 !== undefined
  const names: Record<string, string> = { icmpv6: 'ipv6-icmp', '58': 'ipv6-icmp', '1': 'icmp', '6': 'tcp', '17': 'udp' }, protocol = all ? null : names[asked] ?? asked
  const named = x.SourceSecurityGroupName ? ((await r.call({ service: 'network', method: 'GET', path: '/security-groups', query: { name: x.SourceSecurityGroupName } })).security_groups[0]?.id as string | undefined) : undefined
  if (x.SourceSecurityGroupName && !named) throw invalid(`The security group '${x.SourceSecurityGroupName}' does not exist`)
  const remote = x.SourceSecurityGroupId ?? x.DestinationSecurityGroupId ?? named, sources = [x.CidrIp, x.CidrIpv6, remote].filter((s) => s !== undefined)
  if (sources.length > 1) throw invalid('A rule has one of a CIDR block and a security group.')
  const icmp = protocol === 'icmp' || protocol === 'ipv6-icmp', any = (n: unknown) => n === undefined || n === null || n === -1
  if (!all && ['tcp', 'udp'].includes(protocol as string) && any(x.FromPort) !== any(x.ToPort)) throw invalid('FromPort and ToPort must both be specified, or neither.')
  return {
    security_group_id: group, direction, ethertype: v6 ? 'IPv6' : 'IPv4', protocol, remote_ip_prefix: x.CidrIp ?? x.CidrIpv6 ?? (remote ? null : '0.0.0.0/0'), remote_group_id: remote ?? null, description: x.Description ?? '',
    port_range_min: all || any(x.FromPort) ? null : x.FromPort, port_range_max: all || any(x.ToPort) || (icmp && any(x.FromPort)) ? null : x.ToPort,
  }
}

/** Two rules of the network service that say the same. */
export const ruleKey = (x: Rule) => JSON.stringify([x.direction, x.ethertype, x.protocol ?? null, x.port_range_min ?? null, x.port_range_max ?? null, x.remote_ip_prefix === '0.0.0.0/0' || x.remote_ip_prefix === '::/0' ? null : x.remote_ip_prefix ?? null, x.remote_group_id ?? null])
