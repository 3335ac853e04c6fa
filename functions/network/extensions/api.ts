import { and, asc, eq } from 'drizzle-orm'
import { network, subnet } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'
import { notFound } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { visibleNetworks } from '../networks/visible.ts'
import { extensions } from './list.ts'

const shown = ([alias, name, description]: (typeof extensions)[number]) => ({ alias, name, description, updated: '2026-01-01T00:00:00-00:00', links: [] })
const resources = ['network', 'subnet', 'port', 'router', 'floatingip', 'security-group', 'security-group-rule', 'subnetpool', 'address-scope', 'address-group', 'rbac-policy', 'quota', 'agent']

export const discovery = [
  endpoint({
    id: 'resources', method: 'GET', path: '/', status: 200, policy: 'get_extension', summary: 'What there is',
    handle: (ctx) => ({ resources: resources.map((name) => { const collection = name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`; return { name: name.replaceAll('-', '_'), collection: collection.replaceAll('-', '_'), links: [{ rel: 'self', href: `${ctx.origin}/network/v2.0/${collection}` }] } }) }),
  }),
  endpoint({ id: 'extensions.list', method: 'GET', path: '/extensions', status: 200, policy: 'get_extension', summary: 'What this API can do', handle: () => ({ extensions: extensions.map(shown) }) }),
  endpoint({
    id: 'extensions.show', method: 'GET', path: '/extensions/{alias}', status: 200, policy: 'get_extension', summary: 'Show an extension',
    handle(_ctx, { params }) {
      const found = extensions.find(([alias]) => alias === params.alias)
      if (!found) throw notFound('extension', params.alias, `Extension with alias ${params.alias} does not exist`, { type: 'HTTPNotFound' })
      return { extension: shown(found) }
    },
  }),
  endpoint({ id: 'service_providers.list', method: 'GET', path: '/service-providers', status: 200, policy: 'get_service_provider', summary: 'Who provides what', handle: () => ({ service_providers: [{ name: 'virga', service_type: 'L3_ROUTER_NAT', default: true }] }) }),
  endpoint({
    id: 'floatingip_pools.list', method: 'GET', path: '/floatingip_pools', status: 200, policy: 'get_floatingip', summary: 'Where floating addresses come from',
    async handle(ctx) {
      const [rows] = await ctx.read(q.select({ subnet: subnet.id, name: subnet.name, cidr: subnet.cidr, network: subnet.network }).from(subnet).innerJoin(network, eq(network.id, subnet.network)).where(and(eq(network.external, true), eq(subnet.version, 4), visibleNetworks(ctx))).orderBy(asc(subnet.id)))
      return { floatingip_pools: rows.map((r) => ({ subnet_id: r.subnet, subnet_name: r.name, cidr: r.cidr, network_id: r.network, tenant_id: ctx.caller.project?.id ?? '', project_id: ctx.caller.project?.id ?? '' })) }
    },
  }),
]
