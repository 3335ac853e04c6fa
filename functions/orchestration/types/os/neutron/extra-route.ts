import { conflict } from '../../../../kernel/fault.ts'
import { required, resourceType, text } from '../../provider.ts'
import { gatewaysOf, legsOf } from '../after.ts'
import { change, routesOf, sameRoute } from './routes.ts'

export default resourceType({
  name: 'OS::Neutron::ExtraRoute', description: 'One route of a router. Use OS::Neutron::ExtraRouteSet.', support: { status: 'UNSUPPORTED', message: 'Use OS::Neutron::ExtraRouteSet: it leaves the routes of others alone.' },
  properties: { router_id: text({ ...required, find: 'neutron.router' }), destination: text(required), nexthop: text(required) },
  attributes: {},
  after: (self, others) => [...legsOf(self, others), ...gatewaysOf(self, others)],
  async create(r) {
    const { router_id, ...route } = r.properties as { router_id: string; destination: string; nexthop: string }
    if ((await routesOf(r, router_id)).some((x) => sameRoute(x, route))) throw conflict('Route duplicates an existing route.')
    await change(r, router_id, 'add', [route])
    return { id: `${router_id}:${route.destination}:${route.nexthop}` }
  },
  show: async (r) => ({ routes: await routesOf(r, r.properties.router_id) }),
  async remove(r) {
    const { router_id, destination, nexthop } = r.properties
    if (r.resource.physicalId) await change(r, router_id, 'remove', [{ destination, nexthop }])
  },
})
