import type { Work } from '../../provider.ts'
import { NET } from './pieces.ts'

export interface Route { destination: string; nexthop: string }
export const sameRoute = (a: Route, b: Route) => a.destination === b.destination && a.nexthop === b.nexthop
export const routesOf = async (r: Work, router: string): Promise<Route[]> => (await r.call({ ...NET, method: 'GET', path: `/routers/${router}` })).router.routes
export const change = (r: Work, router: string, verb: 'add' | 'remove', routes: Route[]) => r.call({ ...NET, method: 'PUT', path: `/routers/${router}/${verb}_extraroutes`, body: { router: { routes } } })
