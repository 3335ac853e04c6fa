/**
 * What Open vSwitch does with networks that leave the host, as flows. It learns nothing and floods nothing of its own: a
 * frame goes where the desired state says its owner is, or to every host of its network, and comes in from those alone.
 */
export interface Overlay {
  /** The port that leads to the network's bridge. */
  port: number
  vni: number
  peers: string[]
  /** Hosts of MACs that are known. */
  remote: Map<string, string[]>
}

export function overlayFlows({ port, vni, peers, remote }: Overlay, tunnel: number): string[] {
  const to = (hosts: string[]) => [`set_field:${vni}->tun_id`, ...hosts.flatMap((host) => [`set_field:${host}->${end('dst', host)}`, `output:${tunnel}`])].join(',')
  return [
    ...peers.map((peer) => `priority=10,in_port=${tunnel},tun_id=${vni},${end('src', peer)}=${peer},actions=output:${port}`),
    ...[...remote].map(([mac, hosts]) => `priority=10,in_port=${port},dl_dst=${mac},actions=${to(hosts)}`),
    `priority=5,in_port=${port},actions=${to(peers)}`,
  ]
}

const end = (side: 'src' | 'dst', host: string) => host.includes(':') ? `tun_ipv6_${side}` : `tun_${side}`
