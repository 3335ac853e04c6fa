import { Fault, notFound } from '../../kernel/fault.ts'
import type { Endpoint } from '../../kernel/endpoint.ts'
import { endpoint } from '../service.ts'

/** What the API once had: still routed, and says so. */
const rows = `
GET /os-agents|POST /os-agents|PUT /os-agents/{id}|DELETE /os-agents/{id}|POST /os-cells|GET /os-cells|GET /os-cells/capacities|GET /os-cells/detail|GET /os-cells/info|POST /os-cells/sync_instances
GET /os-cells/{id}|PUT /os-cells/{id}|DELETE /os-cells/{id}|GET /os-cells/{id}/capacities|POST /os-certificates|GET /os-certificates/{id}|GET /os-cloudpipe|POST /os-cloudpipe|PUT /os-cloudpipe/{id}
GET /os-fixed-ips/{id}|POST /os-fixed-ips/{id}/action|GET /os-floating-ip-dns|PUT /os-floating-ip-dns/{domain}|DELETE /os-floating-ip-dns/{domain}|GET /os-floating-ip-dns/{domain}/entries/{ip}
PUT /os-floating-ip-dns/{domain}/entries/{ip}|DELETE /os-floating-ip-dns/{domain}/entries/{ip}|GET /os-floating-ips-bulk|POST /os-floating-ips-bulk|GET /os-floating-ips-bulk/{host}|PUT /os-floating-ips-bulk/{host}
GET /os-fping|GET /os-fping/{id}|POST /os-networks|POST /os-networks/add|DELETE /os-networks/{id}|POST /os-networks/{id}/action|GET /os-security-group-default-rules|POST /os-security-group-default-rules
GET /os-security-group-default-rules/{id}|DELETE /os-security-group-default-rules/{id}|POST /os-tenant-networks|DELETE /os-tenant-networks/{id}|GET /servers/{server}/consoles|POST /servers/{server}/consoles
GET /servers/{server}/consoles/{console}|DELETE /servers/{server}/consoles/{console}|GET /servers/{server}/os-virtual-interfaces`

const gone = () => { throw new Fault('notFound', 'This resource is no longer available. No forwarding address is given.', { status: 410 }) }

export default [
  ...rows.trim().split(/[|\n]/).map((row): Endpoint => {
    const [method, path] = row.split(' ')
    return endpoint({ id: `gone.${method.toLowerCase()}.${path.replace(/[^a-z]+/g, '_')}`, method: method as 'GET', path, status: 410, summary: 'Gone', policy: 'os_compute_api:gone', handle: gone })
  }),
  endpoint({ id: 'gone.rdp', method: 'POST', path: '/servers/{server}/action', key: 'os-getRDPConsole', status: 410, summary: 'Gone', policy: 'os_compute_api:gone', until: '2.5', handle: gone }),
  ...[['GET', '/os-baremetal-nodes', 'list'], ['GET', '/os-baremetal-nodes/{node}', 'show'], ['POST', '/os-baremetal-nodes', 'list'], ['DELETE', '/os-baremetal-nodes/{node}', 'show'], ['POST', '/os-baremetal-nodes/{node}/action', 'show']].map(([method, path, what]) => endpoint({
    id: `baremetal.${method.toLowerCase()}.${path.length}`, method: method as 'GET', path, until: '2.35', status: 200, summary: 'Bare metal: there is none', policy: `os_compute_api:os-baremetal-nodes:${what as 'list'}`,
    handle(_ctx, { params }) {
      if (method === 'GET' && what === 'list') return { nodes: [] }
      if (method === 'GET') throw notFound('node', params.node)
      throw new Fault('invalid', 'Command Not supported. Bare metal is not managed here.')
    },
  })),
]
