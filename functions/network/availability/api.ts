import { and, asc, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { network, subnet } from '../../../schema/network.ts'
import { full, q } from '../../kernel/db.ts'
import { notFound } from '../../kernel/fault.ts'
import { cidrOf, toNumber } from '../addresses.ts'
import { endpoint } from '../service.ts'

const used = sql<number>`(select count(*) from address a where a.subnet = ${full(subnet.id)})`.as('used')
const reads = (which?: SQL) => [
  q.select({ id: network.id, name: network.name, project: network.project }).from(network).where(which).orderBy(asc(network.id)),
  q.select({ id: subnet.id, name: subnet.name, network: subnet.network, version: subnet.version, cidr: subnet.cidr, pools: subnet.pools, used }).from(subnet).where(which ? inArray(subnet.network, q.select({ id: network.id }).from(network).where(which)) : undefined),
] as const
type Nets = Awaited<ReturnType<typeof reads>[0]>
type Subs = Awaited<ReturnType<typeof reads>[1]>

/** How many addresses there are to hand out, and how many are. */
function view(n: Nets[number], subnets: Subs) {
  const own = subnets.filter((s) => s.network === n.id).map((s) => {
    const total = s.pools.length ? s.pools.reduce((sum, p) => sum + (toNumber(p.end) - toNumber(p.start) + 1n), 0n) : cidrOf(s.cidr).last - cidrOf(s.cidr).first + 1n
    return { subnet_id: s.id, subnet_name: s.name, ip_version: s.version, cidr: s.cidr, total_ips: Number(total), used_ips: s.used }
  })
  return { network_id: n.id, network_name: n.name, tenant_id: n.project, project_id: n.project, total_ips: own.reduce((x, s) => x + s.total_ips, 0), used_ips: own.reduce((x, s) => x + s.used_ips, 0), subnet_ip_availability: own }
}

export const availability = [
  endpoint({
    id: 'network_ip_availabilities.list', method: 'GET', path: '/network-ip-availabilities', status: 200, policy: 'list_network_ip_availabilities', summary: 'Addresses in use, by network',
    async handle(ctx, { query }) {
      if (!ctx.can('get_network_ip_availability')) return { network_ip_availabilities: [] }
      const columns = { network_id: network.id, network_name: network.name, tenant_id: network.project, project_id: network.project }
      const [nets, subnets] = await ctx.read(...reads(and(...Object.entries(columns).map(([k, c]) => (query.has(k) ? inArray(c, query.getAll(k)) : undefined)))))
      const family = query.get('ip_version')
      const shown = subnets.filter((s) => !family || s.version === Number(family))
      return { network_ip_availabilities: nets.filter((n) => !family || shown.some((s) => s.network === n.id)).map((n) => view(n, shown)) }
    },
  }),
  endpoint({
    id: 'network_ip_availabilities.show', method: 'GET', path: '/network-ip-availabilities/{id}', status: 200, policy: 'get_network_ip_availability', summary: 'Addresses in use on a network',
    async handle(ctx, { params }) {
      const [[n], subnets] = await ctx.read(...reads(eq(network.id, params.id)))
      if (!n) throw notFound('network', params.id, undefined, { type: 'NetworkNotFound' })
      return { network_ip_availability: view(n, subnets) }
    },
  }),
]
