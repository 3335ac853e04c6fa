import { formerly, required, resourceType, text, type Work } from '../../provider.ts'
import { legsOf, subnetsOn } from '../after.ts'
import { NET } from './pieces.ts'

const set = (r: Work, router: string, to: unknown) => r.call({ ...NET, method: 'PUT', path: `/routers/${router}`, body: { router: { external_gateway_info: to } } })
export default resourceType({
  name: 'OS::Neutron::RouterGateway', description: "A router's way out. Use external_gateway_info of the router.", support: { status: 'HIDDEN', version: '5.0.0', message: 'Use the `external_gateway_info` property in the router resource to set up the gateway.' },
  properties: { router_id: text({ ...required, find: 'neutron.router' }), network: text({ find: 'neutron.network' }), network_id: formerly('network') },
  attributes: {},
  after: (self, others) => [...legsOf(self, others), ...subnetsOn(self, others)],
  async create(r) {
    const { router_id, network } = r.properties
    return { id: `${router_id}:${network}`, shown: (await set(r, router_id, { network_id: network })).router }
  },
  show: async (r) => (await r.call({ ...NET, method: 'GET', path: `/routers/${r.resource.physicalId!.split(':')[0]}` })).router,
  async remove(r) { if (r.resource.physicalId) await set(r, r.resource.physicalId.split(':')[0], {}) },
})
