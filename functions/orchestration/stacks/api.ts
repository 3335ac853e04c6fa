import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { stackSnapshot, stackTemplate } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { forgetSnapshot } from '../engine/remembered.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { environment } from '../engine/merge.ts'
import { regionOf } from '../engine/place.ts'
import { compile, programOf, type Program } from '../engine/program.ts'
import { placeOf } from '../engine/place.ts'
import type { StackRow } from '../engine/record.ts'
import { openOutput, openTemplate } from '../engine/sealed.ts'
import { endpoint } from '../service.ts'
import { abandonStack, cancelUpdate, exported, restoreStack, snapshotOf, snapshotStack, type SnapshotRow } from './actions.ts'
import { createBody, optionsOf, sourceOf, truth, updateBody } from './body.ts'
import { changesOf } from './changes.ts'
import { findStack, lookUp } from './find.ts'
import { listed, resourcesOf } from './preview.ts'
import { actOn, checkName, createStack, deleteStack, prepareUpdate, updateStack, type NewStack } from './verbs.ts'
import { full, hrefOf, linksOf, outputView } from './view.ts'

const at = '/stacks/{name}/{id}'
type Body = Record<string, any>

async function create(ctx: Ctx, body: Body) {
  let source = await sourceOf(ctx, body), adopt: NewStack['adopt']
  if (body.adopt_stack_data) {
    const data = environment(body.adopt_stack_data) as Body
    if (!data.template || typeof data.resources !== 'object') throw invalid('Invalid adopt stack data: template and resources are needed')
    adopt = Object.fromEntries(Object.entries(data.resources as Record<string, Body>).filter(([, r]) => r?.resource_id).map(([name, r]) => [name, { id: String(r.resource_id), data: r.resource_data ?? {} }]))
    source = { ...source, body: source.body ?? data.template, files: { ...data.files, ...source.files }, environment: { ...environment(data.environment), ...(source.environment as Body) } }
  }
  if (source.body === undefined) throw invalid('No template specified')
  if (typeof body.stack_name !== 'string') throw invalid('No stack name specified')
  const s = await createStack(ctx, { name: body.stack_name, front: 'heat', source: { ...source, body: source.body }, adopt, ...optionsOf(body, true) })
  ctx.headers.set('location', linksOf(ctx, s)[0].href)
  return { stack: { id: s.id, links: linksOf(ctx, s) } }
}

/** PUT says everything anew, PATCH only what changes. */
async function askOf(ctx: Ctx, body: Body, patch: boolean) {
  const source = await sourceOf(ctx, body)
  if (!patch && source.body === undefined) throw invalid('No template specified')
  return { source, existing: patch, clear: (body.clear_parameters as string[] | undefined) ?? undefined, ...optionsOf(body, false) }
}
const update = (patch: boolean) => async (ctx: Ctx, { params, body }: Input) => { await updateStack(ctx, await findStack(ctx, params.name, params.id), await askOf(ctx, body, patch)); return null }
const preview = (patch: boolean) => async (ctx: Ctx, { params, body }: Input) => {
  const s = await findStack(ctx, params.name, params.id), { program, rows } = await prepareUpdate(ctx, s, await askOf(ctx, body, patch))
  return listed(ctx, s, program, await changesOf(ctx, s, program, rows))
}
const actBody = (key: string) => ({ '1': t.Object({ [key]: t.Unknown() }, { additionalProperties: false }) })
const act = (key: string, summary: string, policy: 'actions:suspend' | 'actions:resume' | 'actions:check' | 'actions:cancel_update' | 'actions:cancel_without_rollback', run: (ctx: Ctx, s: StackRow) => Promise<unknown>) => endpoint({
  id: `stacks.${key}`, method: 'POST', path: `${at}/actions`, key, status: 200, summary, policy, body: actBody(key), async handle(ctx, { params }) { await run(ctx, await findStack(ctx, params.name, params.id)); return null },
})
const snapshotView = (s: SnapshotRow, data: boolean) => ({ id: s.id, name: s.name, status: s.status, status_reason: s.reason, creation_time: isoSeconds(s.createdAt), data: data ? s.data : null })
const templateOf = async (ctx: Ctx, s: StackRow) => { const [[row]] = await ctx.read(q.select().from(stackTemplate).where(eq(stackTemplate.id, s.template ?? ''))); return row && openTemplate(ctx, row) }
const output = (ctx: Ctx, s: StackRow, key: string) => { const o = s.outputs.find((x) => x.key === key); if (!o) throw notFound('Output', key, `Specified output key ${key} not found.`, { type: 'NotFound' }); return outputView(openOutput(ctx, s.id, o)) }

const withoutSecrets = (p: Program | undefined, values: Body) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, p?.template.parameters.get(k)?.hidden ? '******' : v]))

/** A name alone leads to the address that has the id too. */
const redirects = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const rests: [rest: string, method: (typeof redirects)[number], policy: 'stacks:lookup'][] = [...redirects.map((m) => ['', m, 'stacks:lookup'] as ['', typeof m, 'stacks:lookup']), ...['resources', 'events', 'template', 'environment', 'files', 'outputs'].map((r) => [`/${r}`, 'GET', 'stacks:lookup'] as [string, 'GET', 'stacks:lookup']), ['/actions', 'POST', 'stacks:lookup']]
const lookups = rests.map(([rest, method, policy]) => endpoint({
  id: `stacks.lookup_${method.toLowerCase()}${rest.replace('/', '_')}`, method, path: `/stacks/{name}${rest}`, status: 302, summary: `Find a stack by name${rest ? ` (${rest.slice(1)})` : ''}`, policy, raw: true,
  async handle(ctx, { params, url }) { const s = await lookUp(ctx, params.name); return new Response(null, { status: 302, headers: { location: hrefOf(ctx, s, rest) + url.search } }) },
}))

export default [
  endpoint({ id: 'stacks.create', method: 'POST', path: '/stacks', status: 201, summary: 'Create or adopt a stack', policy: 'stacks:create', body: createBody, handle: (ctx, { body }) => create(ctx, body) }),
  endpoint({
    id: 'stacks.preview', method: 'POST', path: '/stacks/preview', status: 200, summary: 'Show what a stack would be', policy: 'stacks:preview', body: createBody,
    async handle(ctx, { body }) {
      const source = await sourceOf(ctx, body), name = String(body.stack_name ?? 'None'), where = { project: ctx.project, name, id: 'None' }
      if (source.body === undefined) throw invalid('No template specified')
      checkName(name, 'heat')
      const p = await compile({ ...source, body: source.body }, { ...where, front: 'heat', region: regionOf(ctx) }), o = optionsOf(body, true)
      return { stack: {
        id: 'None', links: [{ href: hrefOf(ctx, where), rel: 'self' }], stack_name: name, description: p.template.description, template_description: p.template.description || 'No description', creation_time: isoSeconds(ctx.now()), updated_time: null, deletion_time: null, parent: null, stack_owner: ctx.caller.user.name,
        parameters: { 'OS::project_id': ctx.project, 'OS::stack_id': 'None', 'OS::stack_name': name, ...p.parameters.shown }, disable_rollback: o.onFailure === 'keep', timeout_mins: o.timeout ?? null, tags: o.tags ?? null, capabilities: [], notification_topics: [], stack_user_project_id: ctx.project,
        outputs: [], resources: await resourcesOf(ctx, p, where),
      } }
    },
  }),
  endpoint({
    id: 'stacks.show', method: 'GET', path: at, status: 200, summary: 'Show a stack', policy: 'stacks:show',
    async handle(ctx, { params, query }) { return { stack: full(ctx, await findStack(ctx, params.name, params.id, { gone: true }), truth(query.get('resolve_outputs'), 'resolve_outputs') ?? true) } },
  }),
  endpoint({ id: 'stacks.update', method: 'PUT', path: at, status: 202, summary: 'Update a stack', policy: 'stacks:update', body: updateBody, handle: update(false) }),
  endpoint({ id: 'stacks.patch', method: 'PATCH', path: at, status: 202, summary: 'Update a stack, keeping what is not given', policy: 'stacks:update_patch', body: updateBody, handle: update(true) }),
  endpoint({ id: 'stacks.preview_update', method: 'PUT', path: `${at}/preview`, status: 200, summary: 'Show what an update would change', policy: 'stacks:preview_update', body: updateBody, handle: preview(false) }),
  endpoint({ id: 'stacks.preview_patch', method: 'PATCH', path: `${at}/preview`, status: 200, summary: 'Show what an update would change, keeping what is not given', policy: 'stacks:preview_update_patch', body: updateBody, handle: preview(true) }),
  endpoint({ id: 'stacks.delete', method: 'DELETE', path: at, status: 204, summary: 'Delete a stack', policy: 'stacks:delete', async handle(ctx, { params }) { await deleteStack(ctx, await findStack(ctx, params.name, params.id)) } }),
  endpoint({ id: 'stacks.abandon', method: 'DELETE', path: `${at}/abandon`, status: 200, summary: 'Let a stack go and keep its resources', policy: 'stacks:abandon', async handle(ctx, { params }) { return abandonStack(ctx, await findStack(ctx, params.name, params.id)) } }),
  endpoint({ id: 'stacks.export', method: 'GET', path: `${at}/export`, status: 200, summary: 'Show all that is kept of a stack', policy: 'stacks:export', async handle(ctx, { params }) { return exported(ctx, await findStack(ctx, params.name, params.id)) } }),
  endpoint({
    id: 'stacks.template', method: 'GET', path: `${at}/template`, status: 200, summary: "Show a stack's template", policy: 'stacks:template',
    async handle(ctx, { params }) { const s = await findStack(ctx, params.name, params.id, { gone: true }); return s.template ? (await programOf(ctx, await placeOf(ctx, s), s.template)).template.raw : {} },
  }),
  endpoint({
    id: 'stacks.environment', method: 'GET', path: `${at}/environment`, status: 200, summary: "Show a stack's environment", policy: 'stacks:environment',
    async handle(ctx, { params }) {
      const s = await findStack(ctx, params.name, params.id), row = await templateOf(ctx, s), p = s.template ? await programOf(ctx, await placeOf(ctx, s), s.template) : undefined
      return { parameters: Object.fromEntries(Object.entries(p?.parameters.given ?? {}).map(([k, v]) => [k, p!.template.parameters.get(k)?.hidden ? '******' : v])), parameter_defaults: {}, resource_registry: { resources: {} }, encrypted_param_names: [], event_sinks: [], ...row?.environment, ...(row?.environment.parameter_defaults ? { parameter_defaults: withoutSecrets(p, row.environment.parameter_defaults as Body) } : {}) }
    },
  }),
  endpoint({ id: 'stacks.files', method: 'GET', path: `${at}/files`, status: 200, summary: "Show a stack's files", policy: 'stacks:files', async handle(ctx, { params }) { return (await templateOf(ctx, await findStack(ctx, params.name, params.id)))?.files ?? {} } }),
  endpoint({ id: 'stacks.outputs', method: 'GET', path: `${at}/outputs`, status: 200, summary: "List a stack's outputs", policy: 'stacks:list_outputs', async handle(ctx, { params }) { return { outputs: (await findStack(ctx, params.name, params.id)).outputs.map((o) => ({ output_key: o.key, description: o.description })) } } }),
  endpoint({ id: 'stacks.output', method: 'GET', path: `${at}/outputs/{key}`, status: 200, summary: 'Show an output of a stack', policy: 'stacks:show_output', async handle(ctx, { params }) { return { output: output(ctx, await findStack(ctx, params.name, params.id), params.key) } } }),
  act('suspend', 'Suspend a stack', 'actions:suspend', (ctx, s) => actOn(ctx, s, 'SUSPEND')),
  act('resume', 'Resume a stack', 'actions:resume', (ctx, s) => actOn(ctx, s, 'RESUME')),
  act('check', 'Look whether the resources of a stack are well', 'actions:check', (ctx, s) => actOn(ctx, s, 'CHECK')),
  act('cancel_update', 'Stop an update and roll it back', 'actions:cancel_update', (ctx, s) => cancelUpdate(ctx, s)),
  act('cancel_without_rollback', 'Stop what a stack is doing', 'actions:cancel_without_rollback', (ctx, s) => cancelUpdate(ctx, s, { stay: true })),
  endpoint({
    id: 'snapshots.create', method: 'POST', path: `${at}/snapshots`, status: 200, summary: 'Take a snapshot of a stack', policy: 'stacks:snapshot', body: { '1': t.Object({ name: t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()])) }, { additionalProperties: false }) }, bodyOptional: true,
    async handle(ctx, { params, body }) { return snapshotView(await snapshotStack(ctx, await findStack(ctx, params.name, params.id), body?.name ?? undefined), false) },
  }),
  endpoint({ id: 'snapshots.list', method: 'GET', path: `${at}/snapshots`, status: 200, summary: "List a stack's snapshots", policy: 'stacks:list_snapshots', async handle(ctx, { params }) { const s = await findStack(ctx, params.name, params.id), [rows] = await ctx.read(q.select().from(stackSnapshot).where(eq(stackSnapshot.stack, s.id)).orderBy(stackSnapshot.createdAt)); return { snapshots: rows.map((r) => snapshotView(r, true)) } } }),
  endpoint({ id: 'snapshots.show', method: 'GET', path: `${at}/snapshots/{snapshot}`, status: 200, summary: 'Show a snapshot of a stack', policy: 'stacks:show_snapshot', async handle(ctx, { params }) { return { snapshot: snapshotView(await snapshotOf(ctx, await findStack(ctx, params.name, params.id), params.snapshot), true) } } }),
  endpoint({
    id: 'snapshots.delete', method: 'DELETE', path: `${at}/snapshots/{snapshot}`, status: 204, summary: 'Delete a snapshot of a stack', policy: 'stacks:delete_snapshot',
    async handle(ctx, { params }) {
      const s = await findStack(ctx, params.name, params.id), row = await snapshotOf(ctx, s, params.snapshot)
      if (s.status === 'IN_PROGRESS') throw conflict(`Stack ${s.name} already has an action (${s.action}) in progress.`, { type: 'ActionInProgress' })
      if (row.status === 'IN_PROGRESS') throw invalid(`Deleting in-progress snapshot is not supported`, { type: 'NotSupported' })
      await forgetSnapshot(ctx, ctx.caller, row)
    },
  }),
  endpoint({ id: 'snapshots.restore', method: 'POST', path: `${at}/snapshots/{snapshot}/restore`, status: 202, summary: 'Take a stack back to a snapshot', policy: 'stacks:restore_snapshot', raw: true, async handle(ctx, { params }) { await restoreStack(ctx, await findStack(ctx, params.name, params.id), params.snapshot); return null } }),
  ...lookups,
]
