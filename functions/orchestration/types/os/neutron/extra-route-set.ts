import { conflict } from '../../../../kernel/fault.ts'
import { list, live, map, required, resourceType, text, type Work } from '../../provider.ts'
import { legsOf } from '../after.ts'
import { format } from '../formats.ts'
import { change, routesOf, sameRoute, type Route } from './routes.ts'

/** Those that somebody else has put there are not for this one to take over. */
async function add(r: Work, router: string, routes: Route[]) {
  const have = await routesOf(r, router), taken = routes.find((x) => have.some((h) => sameRoute(h, x)))
  if (taken) throw conflict(`The physical resource for (${router},${taken.destination}=${taken.nexthop}) exists.`)
  if (routes.length) await change(r, router, 'add', routes)
}
const less = (a: Route[], b: Route[]) => a.filter((x) => !b.some((y) => sameRoute(x, y)))

export default resourceType({
  name: 'OS::Neutron::ExtraRouteSet', description: 'Routes of a router, beside those of others.', support: { status: 'SUPPORTED', version: '14.0.0' },
  properties: { router: text({ ...required, find: 'neutron.router' }), routes: list(map({ destination: text({ ...required, ...format('net_cidr') }), nexthop: text({ ...required, ...format('ip_addr') }) }), { default: [], ...live }) },
  attributes: {},
  after: (self, others) => legsOf(self, others),
  async create(r) {
    await add(r, r.properties.router, r.properties.routes)
    return { id: r.properties.router, data: { routes: r.properties.routes } }
  },
  /** What a change takes away goes first; what it adds follows in a unit that sees it gone. */
  async ready(r) {
    const had = (r.resource.data.routes ?? []) as Route[]
    await add(r, r.properties.router, less(r.properties.routes, had))
    return { data: { routes: r.properties.routes } }
  },
  show: async (r) => ({ routes: await routesOf(r, r.properties.router) }),
  async update(r, { after }) {
    const had = (r.resource.data.routes ?? []) as Route[], gone = less(had, after.routes)
    if (gone.length) await change(r, r.properties.router, 'remove', gone)
    return { data: { routes: had.filter((x) => !gone.includes(x)) }, again: true }
  },
  async remove(r) {
    const had = (r.resource.data.routes ?? []) as Route[]
    if (r.resource.physicalId && had.length) await change(r, r.resource.physicalId, 'remove', had)
  },
})
