import { and, eq, isNull } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { stack, stackResource } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, Fault, invalid, notFound } from '../../kernel/fault.ts'
import { placeOf } from '../engine/place.ts'
import { programOf } from '../engine/program.ts'
import { changeRow, line, tell, type ResourceLine, type ResourceRow, type StackRow } from '../engine/record.ts'
import { openRow } from '../engine/sealed.ts'
import { propertiesOf, workFor } from '../engine/work.ts'
import { endpoint } from '../service.ts'
import { metadataFor } from '../software/metadata.ts'
import { goodSignature } from '../signals/url.ts'
import { signalResource } from '../signals/signal.ts'
import { findStack, stackQuery, theStack } from '../stacks/find.ts'
import { truth } from '../stacks/body.ts'
import type { Json } from '../template/index.ts'
import { typeFor } from '../types/resolve.ts'
import { depthOf, tree } from './tree.ts'
import { requiredBy, resourceView } from './view.ts'

const at = '/stacks/{name}/{id}/resources', one = `${at}/{resource}`
const filters = ['type', 'status', 'name', 'action', 'id', 'physical_resource_id'] as const

export async function findResource(ctx: Ctx, params: Record<string, string>): Promise<{ s: StackRow; row: ResourceRow }> {
  const [[found], [row]] = await ctx.read(stackQuery(ctx, params.id), q.select().from(stackResource).where(and(eq(stackResource.stack, params.id), eq(stackResource.name, params.resource), eq(stackResource.current, true))))
  const s = theStack(found, params.name, params.id)
  if (!row) throw notFound('Resource', params.resource, `The Resource (${params.resource}) could not be found in Stack ${s.name}.`, { type: 'ResourceNotFound' })
  return { s, row: openRow(ctx, row) }
}

/** Every attribute, as the resource's API shows it now; what cannot be had is left out. */
async function attributesOf(ctx: Ctx, s: StackRow, row: ResourceRow, only: string[]): Promise<Record<string, unknown>> {
  if (row.physicalId === null && row.action === 'INIT') return {}
  const program = row.template ? await programOf(ctx, await placeOf(ctx, s), row.template) : undefined
  const type = await typeFor(row.type, program?.environment, program?.files ?? {}, row.name)
  if (!type) return {}
  // Read in the name of who asks.
  const work = workFor(ctx, ctx.caller, s, row, await propertiesOf(ctx, row), false, program)
  let shown: Record<string, unknown> | undefined
  try { shown = row.physicalId ? await type.show?.(work) : undefined } catch (e) { if (!(e instanceof Fault)) throw e }
  const out: Record<string, unknown> = {}
  for (const [name, a] of Object.entries(type.attributes)) {
    if (name === '*' || (only.length && !only.includes(name)) || (!shown && !a.own)) continue
    try { const v = a.of ? await a.of(shown ?? {}, work) : shown?.[name]; if (v !== undefined) out[name] = v } catch (e) { if (!(e instanceof Fault)) throw e }
  }
  for (const name of only) if (!(name in out) && type.attributes['*'] && shown) { const v = await (type.attributes['*'].of as never as (s: unknown, r: unknown, n: string) => unknown)(shown, work, name); if (v !== undefined) out[name] = v }
  if (shown && type.show && !('show' in out) && !only.length) out.show = shown
  return out
}

export default [
  endpoint({
    id: 'resources.list', method: 'GET', path: at, status: 200, summary: "List a stack's resources", policy: 'resource:index',
    async handle(ctx, { params, query }) {
      const odd = [...new Set(query.keys())].filter((k) => !(filters as readonly string[]).includes(k) && !['nested_depth', 'with_detail'].includes(k))
      if (odd.length) throw invalid(`Invalid filter parameters ['${odd.join("', '")}']`)
      const s = await findStack(ctx, params.name, params.id, { gone: true }), { levels, children } = await tree(ctx, s, depthOf(query.get('nested_depth')))
      const wanted = (r: ResourceLine) => filters.every((f) => { const l = query.getAll(f); return !l.length || l.includes(String({ type: r.type, status: r.status, name: r.name, action: r.action, id: r.id, physical_resource_id: r.physicalId }[f])) })
      return { resources: levels.flatMap(({ stack: x, rows, parent }) => { const by = requiredBy(rows); return rows.filter(wanted).map((r) => ({ ...resourceView(ctx, x, r, { children, requiredBy: by, parent }), ...(query.has('with_detail') && truth(query.get('with_detail'), 'with_detail') ? { description: '', attributes: {} } : {}) })) }) }
    },
  }),
  endpoint({
    id: 'resources.show', method: 'GET', path: one, status: 200, summary: 'Show a resource of a stack', policy: 'resource:show',
    async handle(ctx, { params, query }) {
      const { s, row } = await findResource(ctx, params)
      const [rows, below, [parent]] = await ctx.read(q.select().from(stackResource).where(and(eq(stackResource.stack, s.id), eq(stackResource.current, true))), q.select({ id: stack.id, name: stack.name, project: stack.project }).from(stack).where(and(eq(stack.ownerResource, row.id), isNull(stack.deletedAt))),
        q.select({ name: stackResource.name }).from(stackResource).where(eq(stackResource.id, s.ownerResource ?? '')))
      const program = row.template ? await programOf(ctx, await placeOf(ctx, s), row.template).catch(() => undefined) : undefined
      return { resource: { ...resourceView(ctx, s, row, { children: new Map(below.map((b) => [row.id, b])), requiredBy: requiredBy(rows), parent: parent?.name }), description: program?.template.resources.get(row.name)?.description ?? '', attributes: await attributesOf(ctx, s, row, query.getAll('with_attr')) } }
    },
  }),
  endpoint({
    id: 'resources.metadata', method: 'GET', path: `${one}/metadata`, status: 200, summary: "Show a resource's metadata", policy: 'resource:metadata',
    async handle(ctx, { params }) {
      const { s, row } = await findResource(ctx, params), agents = SERVERS.includes(row.type) && row.physicalId
      const deployments = agents ? await metadataFor(ctx, row.physicalId!, s.project) : []
      return { metadata: deployments.length ? { ...row.metadata, deployments } : row.metadata }
    },
  }),
  endpoint({
    id: 'resources.signal', method: 'POST', path: `${one}/signal`, status: 200, summary: 'Signal a resource', policy: 'resource:signal', body: { '1': t.Unknown() }, bodyOptional: true,
    async handle(ctx, { params, body }) { const { s, row } = await findResource(ctx, params); await signalResource(ctx, s, row, (body ?? null) as Json); return null },
  }),
  endpoint({
    id: 'resources.mark_unhealthy', method: 'PATCH', path: one, status: 200, summary: 'Mark a resource unhealthy, or well again', policy: 'resource:mark_unhealthy', body: { '1': t.Object({ mark_unhealthy: t.Optional(t.Unknown()), resource_status_reason: t.Optional(t.Union([t.String({ maxLength: 4096 }), t.Null()])) }, { additionalProperties: false }) },
    async handle(ctx, { params, body }) {
      const b = body as Record<string, unknown>, bad = truth(b.mark_unhealthy, 'mark_unhealthy')
      if (bad === undefined) throw invalid('Missing mandatory (mark_unhealthy) key from mark unhealthy request')
      const { s, row } = await findResource(ctx, params)
      if (row.status === 'IN_PROGRESS') throw conflict(`Stack ${s.name} already has an action (${row.action}) in progress.`, { type: 'ActionInProgress' })
      const reason = typeof b.resource_status_reason === 'string' && b.resource_status_reason ? b.resource_status_reason : 'state changed by resource_mark_unhealthy api'
      if (bad || row.action === 'CHECK') { changeRow(ctx, row, { action: 'CHECK', status: bad ? 'FAILED' : 'COMPLETE', reason }); tell(ctx, s, line(row, 'CHECK', bad ? 'FAILED' : 'COMPLETE', reason)) }
      return null
    },
  }),
  endpoint({
    id: 'signals.read', method: 'GET', path: '/signals/{stack}/{resource}', status: 200, summary: 'Show the agents in a server what they are to do, by its presigned address', policy: 'public',
    async handle(ctx, input) {
      const { s, row } = await held(ctx, input)
      if (!SERVERS.includes(row.type) || !row.physicalId) throw new Fault('forbidden', 'The address is not one that is read.', { type: 'Forbidden' })
      const collect = row.data.collect as object | undefined
      return { ...row.metadata, deployments: await metadataFor(ctx, row.physicalId, s.project), ...(collect ? { 'os-collect-config': { ...(row.metadata['os-collect-config'] as object | undefined), ...collect } } : {}) }
    },
  }),
  endpoint({
    id: 'signals.receive', method: 'POST', path: '/signals/{stack}/{resource}', status: 200, summary: 'Signal a resource by its presigned address', policy: 'public', raw: true, handle: presigned('POST'),
  }),
  endpoint({
    id: 'signals.put', method: 'PUT', path: '/signals/{stack}/{resource}', status: 200, summary: 'Signal a resource by its presigned address', policy: 'public', raw: true, handle: presigned('PUT'),
  }),
]

/** An address speaks for one resource of one stack; when either is gone, or the time is over, it is nobody's. */
async function held(ctx: Ctx, { params, query, url }: { params: Record<string, string>; query: URLSearchParams; url: URL }) {
  const project = /\/v1\/([^/]+)\/signals\//.exec(url.pathname)?.[1] ?? ''
  const [[s], [row]] = await ctx.read(q.select().from(stack).where(and(eq(stack.id, params.stack), eq(stack.project, project), isNull(stack.deletedAt))), q.select().from(stackResource).where(and(eq(stackResource.id, params.resource), eq(stackResource.stack, params.stack))))
  if (!await goodSignature(ctx, project, params.stack, params.resource, query) || !s || !row) throw new Fault('forbidden', 'The address is not valid, or not any more.', { type: 'Forbidden' })
  return { s, row: openRow(ctx, row) }
}
const SERVERS = ['OS::Nova::Server', 'OS::Heat::DeployedServer', 'AWS::EC2::Instance']
function presigned(_method: string) {
  return async (ctx: Ctx, { params, query, request, url }: { params: Record<string, string>; query: URLSearchParams; request: Request; url: URL }) => {
    const { s, row } = await held(ctx, { params, query, url })
    const { readText, parseJson } = await import('../../kernel/body.ts')
    const text = heard.get(request) ?? await readText(request, 65_536)
    // A body is read once, and the unit may run twice.
    heard.set(request, text)
    let details: Json = null
    if (text.trim()) { try { details = parseJson(text) as Json } catch { details = /^\s*[{[]/.test(text) ? (() => { throw invalid('The signal is not valid JSON.') })() : text } }
    await signalResource(ctx, s, row, details)
    return null
  }
}
const heard = new WeakMap<Request, string>()
