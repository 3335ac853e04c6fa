import type { Sketch } from '../provider.ts'

/** Two resources say the same at these places: they refer to one resource, or the words are the same. Old names of a property count as the property. */
export function alike(a: Sketch, ofA: string[], b: Sketch, ofB: string[]): boolean {
  const refs = ofB.flatMap((p) => b.refers(p))
  if (ofA.some((p) => a.refers(p).some((n) => refs.includes(n)))) return true
  const said = (s: Sketch, names: string[]) => names.map((p) => s.properties[p]).find((v) => v !== undefined && v !== null)
  const one = said(a, ofA)
  return one !== undefined && JSON.stringify(one) === JSON.stringify(said(b, ofB))
}
export const names = (list: Sketch[]) => list.map((s) => s.name)
export const typed = (list: Sketch[], ...types: string[]) => list.filter((s) => types.includes(s.type))

const NETWORK = ['network', 'network_id'], SUBNET = ['subnet', 'subnet_id'], ROUTER = ['router', 'router_id']
/** Subnets that lie on the network a resource names. */
export const subnetsOn = (self: Sketch, others: Sketch[], at = NETWORK) => names(typed(others, 'OS::Neutron::Subnet').filter((o) => alike(o, NETWORK, self, at)))
/** Legs of the router a resource names. */
export const legsOf = (self: Sketch, others: Sketch[]) => names(typed(others, 'OS::Neutron::RouterInterface').filter((o) => alike(o, ROUTER, self, ROUTER)))
export const gatewaysOf = (self: Sketch, others: Sketch[]) => names(typed(others, 'OS::Neutron::RouterGateway').filter((o) => alike(o, ROUTER, self, ROUTER)))

/** Router legs on the subnets where a port or server that is named lives: an address leads nowhere without. */
export function legsTowards(self: Sketch, others: Sketch[], at: string[]): string[] {
  const subnets = new Set<string>(), seen = new Set<string>(), byName = new Map(others.map((o) => [o.name, o]))
  const visit = (name: string) => {
    const target = byName.get(name)
    if (!target || seen.has(name)) return
    seen.add(name)
    if (target.type === 'OS::Neutron::Port') {
      const fixed = target.refers('fixed_ips').filter((n) => byName.get(n)?.type === 'OS::Neutron::Subnet')
      for (const n of fixed.length ? fixed : subnetsOn(target, others)) subnets.add(n)
    } else if (target.type === 'OS::Nova::Server') {
      for (const n of subnetsOn(target, others, ['networks'])) subnets.add(n)
      for (const n of target.refers('networks')) { if (byName.get(n)?.type === 'OS::Neutron::Subnet') subnets.add(n); visit(n) }
    }
  }
  for (const p of at) for (const n of self.refers(p)) visit(n)
  return names(typed(others, 'OS::Neutron::RouterInterface').filter((o) => SUBNET.some((p) => o.refers(p).some((n) => subnets.has(n)))))
}
/** Whatever connects a router with the network that an address comes from. */
export const gatewaysTo = (self: Sketch, others: Sketch[], at: string[]) => names(others.filter((o) =>
  (o.type === 'OS::Neutron::RouterGateway' && alike(o, NETWORK, self, at)) || (o.type === 'OS::Neutron::Router' && outside(o, self, at))))
function outside(router: Sketch, self: Sketch, at: string[]): boolean {
  const to = (router.properties.external_gateway_info as { network?: unknown } | undefined)?.network, mine = at.map((p) => self.properties[p]).find((v) => v !== undefined)
  return router.refers('external_gateway_info').some((n) => at.some((p) => self.refers(p).includes(n))) || (to !== undefined && JSON.stringify(to) === JSON.stringify(mine))
}
