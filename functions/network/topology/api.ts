import { and, asc, eq, inArray, or } from 'drizzle-orm'
import { autoTopology, network, router, routerInterface, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { unit } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, forbidden, notFound } from '../../kernel/fault.ts'
import { invoke } from '../../kernel/invoke.ts'
import { doorbell } from '../../hosts/signed.ts'
import { visiblePools } from '../subnetpools/visible.ts'
import { endpoint } from '../service.ts'

/** A network with subnets of the default pools, behind a router to the default outside network: what a project needs to begin. */
const failed = (why: string) => conflict(`Deployment error: ${why}.`, { type: 'AutoAllocationFailure' })
function projectOf(ctx: Ctx, id: string): string {
  const own = ctx.caller.project?.id
  const project = id === 'null' || id === 'None' ? own : id
  if (!project || (project !== own && !ctx.caller.admin)) throw forbidden(`Not authorized to use the topology of project ${id}.`, { type: 'PolicyNotAuthorized' })
  return project
}
/** Each step is a request of its own, in the caller's name: what one made the next can read. */
const step = async (ctx: Ctx, method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
  (await unit(ctx.basis, (inner) => invoke(inner, ctx.caller, { service: 'network', method, path, body }), async (host, gently) => { await doorbell(ctx, host)?.fetch(`http://doorbell/${gently ? 'nudge' : 'ring'}`) })).out.body

export const topology = [
  endpoint({
    id: 'auto_allocated_topology.get', method: 'GET', path: '/auto-allocated-topology/{project}', status: 200, policy: 'get_auto_allocated_topology', summary: 'The network a project is given, made when there is none',
    async handle(ctx, { params, query }) {
      const project = projectOf(ctx, params.project)
      const [[have], external, pools] = await ctx.read(q.select().from(autoTopology).where(eq(autoTopology.project, project)), q.select({ id: network.id }).from(network).where(and(eq(network.external, true), eq(network.isDefault, true))).limit(1), q.select().from(subnetPool).where(and(eq(subnetPool.isDefault, true), visiblePools(ctx))).orderBy(asc(subnetPool.version)))
      const shown = (id: string) => ({ auto_allocated_topology: { id, tenant_id: project, project_id: project } })
      const dry = query.getAll('fields').includes('dry-run')
      if (have && !dry) return shown(have.network)
      if (!external.length) throw failed('No default router:external network')
      if (!pools.length) throw failed('No default pools available')
      if (dry) return shown('dry-run=pass')
      const undo: (() => Promise<unknown>)[] = [], own = project === ctx.caller.project?.id ? {} : { project_id: project }
      try {
        const { network: net } = await step(ctx, 'POST', '/networks', { network: { name: 'auto_allocated_network', ...own } })
        undo.push(() => step(ctx, 'DELETE', `/networks/${net.id}`))
        const subnets: string[] = []
        for (const p of pools) subnets.push((await step(ctx, 'POST', '/subnets', { subnet: { name: `auto_allocated_subnet_v${p.version}`, network_id: net.id, ip_version: p.version, subnetpool_id: p.id, ...own } })).subnet.id)
        const { router: r } = await step(ctx, 'POST', '/routers', { router: { name: 'auto_allocated_router', external_gateway_info: { network_id: external[0].id }, ...own } })
        undo.push(() => step(ctx, 'DELETE', `/routers/${r.id}`))
        for (const subnet_id of subnets) {
          await step(ctx, 'PUT', `/routers/${r.id}/add_router_interface`, { subnet_id })
          undo.push(() => step(ctx, 'PUT', `/routers/${r.id}/remove_router_interface`, { subnet_id }))
        }
        // Of two who ask at once one is first; the other's is taken away again.
        const first = await ctx.basis.db.write([q.insert(autoTopology).values({ project, network: net.id, router: r.id }).onConflictDoNothing().returning({ network: autoTopology.network })]) as [{ network: string }[]]
        if (first[0].length) return shown(net.id)
        for (const back of undo.reverse()) await back().catch(() => {})
        const [[theirs]] = await ctx.read(q.select().from(autoTopology).where(eq(autoTopology.project, project)))
        return shown(theirs.network)
      } catch (e) {
        for (const back of undo.reverse()) await back().catch(() => {})
        throw e
      }
    },
  }),
  endpoint({
    id: 'auto_allocated_topology.delete', method: 'DELETE', path: '/auto-allocated-topology/{project}', status: 204, policy: 'delete_auto_allocated_topology', summary: 'Take the network a project was given away',
    async handle(ctx, { params }) {
      const project = projectOf(ctx, params.project)
      const [[have]] = await ctx.read(q.select().from(autoTopology).where(eq(autoTopology.project, project)))
      if (!have) throw notFound('auto-allocated topology', project, `No auto-allocated topology of project ${project}.`, { type: 'AutoAllocatedTopologyNotFound' })
      const [legs, gone] = await ctx.read(q.select({ subnet: routerInterface.subnet }).from(routerInterface).where(eq(routerInterface.router, have.router)), q.select({ id: router.id }).from(router).where(or(inArray(router.id, [have.router]))))
      for (const { subnet } of legs) await step(ctx, 'PUT', `/routers/${have.router}/remove_router_interface`, { subnet_id: subnet })
      if (gone.length) await step(ctx, 'DELETE', `/routers/${have.router}`)
      await step(ctx, 'DELETE', `/networks/${have.network}`).catch((e) => { if ((e as { kind?: string }).kind !== 'notFound') throw e })
      ctx.stage(q.delete(autoTopology).where(eq(autoTopology.project, project)))
    },
  }),
]
