import { and, eq } from 'drizzle-orm'
import { endpoint as endpointTable, policyAssociation, policyBlob, region, service } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Params } from '../../kernel/endpoint.ts'
import { listed, selfLink } from '../list.ts'
import { endpoint } from '../service.ts'
import { found } from '../wire.ts'

/** Which policy document goes with an endpoint: its own, else its service's in its region (or one above), else its service's. */
type Kind = 'endpoint' | 'service' | 'region'
const paths: Record<Kind, string> = { endpoint: '/endpoints/{endpoint}', service: '/services/{service}', region: '/services/{service}/regions/{region}' }
const root = '/policies/{policy}/OS-ENDPOINT-POLICY'
const place = (p: Params) => ({ endpoint: p.endpoint ?? '', service: p.service ?? '', region: p.region ?? '' })
const at = (p: Params) => { const v = place(p); return and(eq(policyAssociation.endpoint, v.endpoint), eq(policyAssociation.service, v.service), eq(policyAssociation.region, v.region)) }

async function look(ctx: Ctx, p: Params, kind: Kind) {
  const v = place(p)
  const [[policy], [e], [s], [r], [there]] = await ctx.read(
    q.select().from(policyBlob).where(eq(policyBlob.id, p.policy)), q.select().from(endpointTable).where(eq(endpointTable.id, v.endpoint)), q.select().from(service).where(eq(service.id, v.service)),
    q.select().from(region).where(eq(region.id, v.region)), q.select().from(policyAssociation).where(and(at(p), eq(policyAssociation.policy, p.policy))))
  found(policy, 'policy', p.policy)
  if (kind === 'endpoint') found(e, 'endpoint', v.endpoint)
  else found(s, 'service', v.service)
  if (kind === 'region') found(r, 'region', v.region)
  return there
}

const verbs = (kind: Kind) => (['PUT', 'GET', 'HEAD', 'DELETE'] as const).map((method) => endpoint({
  id: `policies.${kind}.${{ PUT: 'add', GET: 'show', HEAD: 'check', DELETE: 'remove' }[method]}`, method, path: root + paths[kind], status: 204,
  policy: method === 'PUT' || method === 'DELETE' ? 'identity:update_policy' : 'identity:get_policy', summary: `A policy document for ${kind === 'endpoint' ? 'an endpoint' : kind === 'service' ? 'a service' : 'a service in a region'}`,
  async handle(ctx, { params }) {
    const there = await look(ctx, params, kind)
    if (method !== 'PUT') found(there, 'policy association', `${params.policy} with ${kind} ${params[kind]}`)
    if (method === 'PUT' || method === 'DELETE') ctx.stage(q.delete(policyAssociation).where(at(params)))
    if (method === 'PUT') ctx.stage(q.insert(policyAssociation).values({ policy: params.policy, ...place(params) }))
  },
}))

type Row = typeof endpointTable.$inferSelect
type Link = typeof policyAssociation.$inferSelect
const small = () => [q.select().from(policyAssociation), q.select({ id: region.id, parent: region.parent }).from(region)] as const

function policyOf(e: Row, links: Link[], regions: { id: string; parent: string | null }[]): string | undefined {
  const of = links.filter((l) => l.endpoint === e.id || (l.endpoint === '' && l.service === e.service))
  const own = of.find((l) => l.endpoint === e.id)
  if (own) return own.policy
  const seen = new Set<string>()
  for (let at = e.region; at && !seen.has(at); at = regions.find((r) => r.id === at)?.parent ?? null) {
    seen.add(at)
    const near = of.find((l) => l.region === at)
    if (near) return near.policy
  }
  return of.find((l) => l.region === '')?.policy
}

export const associations = [
  ...(['endpoint', 'service', 'region'] as const).flatMap(verbs),
  endpoint({
    id: 'policies.endpoints', method: 'GET', path: `${root}/endpoints`, status: 200, policy: 'identity:get_policy', summary: 'List the endpoints a policy document is for',
    async handle(ctx, { params, url }) {
      const [[policy], all, links, regions] = await ctx.read(q.select().from(policyBlob).where(eq(policyBlob.id, params.policy)), q.select().from(endpointTable).orderBy(endpointTable.id), ...small())
      found(policy, 'policy', params.policy)
      const rows = all.filter((e) => policyOf(e, links, regions) === params.policy)
      return listed(ctx, url, 'endpoints', rows.map((e) => ({ id: e.id, service_id: e.service, region_id: e.region, region: e.region, interface: e.interface, url: e.url, enabled: e.enabled, ...selfLink(ctx, `endpoints/${e.id}`) })))
    },
  }),
  endpoint({
    id: 'endpoints.policy', method: 'GET', path: '/endpoints/{endpoint}/OS-ENDPOINT-POLICY/policy', status: 200, policy: 'identity:get_policy', summary: 'Show the policy document of an endpoint',
    async handle(ctx, { params }) {
      const [[e], policies, links, regions] = await ctx.read(q.select().from(endpointTable).where(eq(endpointTable.id, params.endpoint)), q.select().from(policyBlob), ...small())
      const which = policyOf(found(e, 'endpoint', params.endpoint), links, regions), policy = policies.find((p) => p.id === which)
      found(policy, 'policy', `for endpoint ${params.endpoint}`)
      return { policy: { ...policy!.extra, id: policy!.id, type: policy!.type, blob: policy!.blob, ...selfLink(ctx, `policies/${policy!.id}`) } }
    },
  }),
]
