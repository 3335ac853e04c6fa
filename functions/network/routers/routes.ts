import { invalid } from '../../kernel/fault.ts'
import { cidrOf, contains, readAddress, readCidr } from '../addresses.ts'
import type { Around } from './gateway.ts'

export interface Route { destination: string; nexthop: string }
const MAX = 30
const bad = (routes: unknown, reason: string) => invalid(`Invalid format for routes: ${JSON.stringify(routes)}, ${reason}`, { type: 'InvalidRoutes' })

/** Routes in canonical form whose next hop is a neighbour of the router and not the router itself. */
export function checkRoutes(routes: Route[], a: Pick<Around, 'legs' | 'outside'>): Route[] {
  if (routes.length > MAX) throw invalid(`Unable to complete operation for router. The number of routes exceeds the maximum ${MAX}.`, { type: 'RoutesExhausted' })
  const near = [...a.legs, ...a.outside], seen = new Set<string>()
  return routes.map((r) => {
    const to = readCidr(r.destination, 'routes'), via = readAddress(r.nexthop, 'routes')
    if (to.version !== via.version) throw bad(r, 'the destination and the nexthop are of different IP versions')
    if (!near.some((n) => n.subnet.version === via.version && contains(cidrOf(n.subnet.cidr), via.n))) throw bad(r, 'the nexthop is not connected with router')
    if (near.some((n) => n.address === via.text)) throw bad(r, 'the nexthop is used by router')
    const key = `${to.text} ${via.text}`
    if (seen.has(key)) throw bad(r, 'the same route is given twice')
    seen.add(key)
    return { destination: to.text, nexthop: via.text }
  })
}
export const sameRoute = (a: Route, b: Route) => a.destination === b.destination && a.nexthop === b.nexthop
