import { invalid } from '../../../../kernel/fault.ts'
import { formerly, required, resourceType, text } from '../../provider.ts'
import { NET } from './pieces.ts'

/** `router:subnet_id=…`: all there is to know of it. */
const parts = (id: string) => { const [router, rest] = id.split(':'), [key, value] = rest.split('='); return { router, leg: { [key]: value } } }

export default resourceType({
  name: 'OS::Neutron::RouterInterface', description: 'Gives a router a leg on a subnet.', support: { status: 'SUPPORTED' },
  properties: { router: text({ ...required, find: 'neutron.router' }), router_id: formerly('router'), subnet: text({ find: 'neutron.subnet' }), subnet_id: formerly('subnet'), port: text({ find: 'neutron.port' }), port_id: formerly('port') },
  attributes: {},
  validate(p) {
    if (p.subnet && p.port) throw invalid('Cannot define the following properties at the same time: subnet, port.')
    if (!p.subnet && !p.port) throw invalid('At least one of the following properties must be specified: subnet, port.')
  },
  async create(r) {
    const { router, subnet, port } = r.properties, leg = subnet ? { subnet_id: subnet } : { port_id: port }
    const shown = await r.call({ ...NET, method: 'PUT', path: `/routers/${router}/add_router_interface`, body: leg })
    return { id: `${router}:${subnet ? 'subnet_id' : 'port_id'}=${subnet ?? port}`, shown }
  },
  show: async (r) => (await r.call({ ...NET, method: 'GET', path: `/routers/${parts(r.resource.physicalId!).router}` })).router,
  async remove(r) {
    if (!r.resource.physicalId) return
    const { router, leg } = parts(r.resource.physicalId)
    await r.call({ ...NET, method: 'PUT', path: `/routers/${router}/remove_router_interface`, body: leg })
  },
})
