import { benchNetwork } from './servers.ts'
import type { Subject } from './subject.ts'

/** Ports and security group rules: what grows slow elsewhere. */
export async function ports(s: Subject) {
  s.figures.title('Ports and rules')
  const network = await benchNetwork(s, 'ports', '10.78.0.0/16')
  const made = await s.measure('port create', { n: s.scaled(500), at: 8, p99: 50, rate: 100, cpu: 2.4 }, async (i) => (await s.call('POST', '/network/v2.0/ports', { port: { network_id: network, name: `p${i}` } })).port.id as string)
  await s.measure(`list of ${made.length} ports`, { n: s.scaled(60), at: 1, cpu: 7.5 * made.length / 500 }, () => s.call('GET', `/network/v2.0/ports?network_id=${network}`))

  const group = async () => (await s.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'bench' } })).security_group.id as string
  const rule = (security_group_id: string, port: number) => ({ security_group_id, direction: 'ingress', protocol: 'tcp', port_range_min: port, port_range_max: port })
  const singles = await group(), bulk = await group()
  const since = performance.now()
  await s.measure('security group rule create', { n: 100, at: 8, warm: 0 }, (i) => s.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: rule(singles, 1000 + i) }))
  s.figures.put('100 rules, one call each', (performance.now() - since) / 1000, 's', { bar: { most: 2 } })
  await s.measure('100 rules in one call', { n: 1, at: 1, warm: 0, p99: 100 }, () => s.call('POST', '/network/v2.0/security-group-rules', { security_group_rules: Array.from({ length: 100 }, (_, i) => rule(bulk, 1000 + i)) }))
}
