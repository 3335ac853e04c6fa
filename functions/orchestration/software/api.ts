import { and, asc, desc, eq, gt, lt, or } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { softwareConfig, softwareDeployment } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { Fault, invalid } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { truth } from '../stacks/body.ts'
import { configView, deploymentView, findConfig, findDeployment, newConfig, openConfig, openDeployment, shutConfig, shutDeployment, type Deployment } from './model.ts'
import { metadataFor } from './metadata.ts'
import { signalled } from './signal.ts'

const any = t.Optional(t.Unknown()), word = t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()])), values = t.Optional(t.Union([t.Record(t.String(), t.Unknown()), t.Null()]))
const configBody = { '1': t.Object({ name: word, group: word, config: any, inputs: any, outputs: any, options: any, creation_time: any, id: any }, { additionalProperties: false }) }
const deploymentBody = { '1': t.Object({ config_id: word, server_id: word, input_values: values, output_values: values, action: word, status: word, status_reason: t.Optional(t.Union([t.String(), t.Null()])), stack_user_project_id: word, deploy_signal_id: any, id: any, creation_time: any, updated_time: any }, { additionalProperties: false }) }

export default [
  endpoint({
    id: 'software_configs.list', method: 'GET', path: '/software_configs', status: 200, summary: 'List software configs', policy: 'software_configs:index',
    async handle(ctx, { query }) {
      const limit = query.get('limit'), marker = query.get('marker'), global = truth(query.get('global_tenant'), 'global_tenant') ?? false
      if (global) ctx.may('software_configs:global_index')
      if (limit !== null && !/^\d+$/.test(limit)) throw invalid(`Only integer is supported for limit, not "${limit}".`)
      const [[from]] = await ctx.read(q.select().from(softwareConfig).where(eq(softwareConfig.id, marker ?? '')))
      const after = from && or(lt(softwareConfig.createdAt, from.createdAt), and(eq(softwareConfig.createdAt, from.createdAt), gt(softwareConfig.id, from.id)))
      const [rows] = await ctx.read(q.select().from(softwareConfig).where(and(global ? undefined : eq(softwareConfig.project, ctx.project), after)).orderBy(desc(softwareConfig.createdAt), asc(softwareConfig.id)).limit(Math.min(1000, Number(limit ?? 1000) || 1000)))
      return { software_configs: rows.map((c) => configView(openConfig(ctx, c), { detail: false, project: global })) }
    },
  }),
  endpoint({
    id: 'software_configs.create', method: 'POST', path: '/software_configs', status: 200, summary: 'Create a software config', policy: 'software_configs:create', body: configBody,
    handle(ctx, { body: b }) {
      const row = newConfig(ctx, ctx.project, { name: b.name ?? undefined, group: b.group ?? undefined, config: b.config, inputs: b.inputs, outputs: b.outputs, options: b.options })
      ctx.stage(q.insert(softwareConfig).values(shutConfig(ctx, row)))
      ctx.about(row.id)
      return { software_config: configView(row) }
    },
  }),
  endpoint({ id: 'software_configs.show', method: 'GET', path: '/software_configs/{config}', status: 200, summary: 'Show a software config', policy: 'software_configs:show', async handle(ctx, { params }) { return { software_config: configView(await findConfig(ctx, params.config)) } } }),
  endpoint({
    id: 'software_configs.delete', method: 'DELETE', path: '/software_configs/{config}', status: 204, summary: 'Delete a software config', policy: 'software_configs:delete',
    async handle(ctx, { params }) {
      const row = await findConfig(ctx, params.config), [[used]] = await ctx.read(q.select({ id: softwareDeployment.id }).from(softwareDeployment).where(eq(softwareDeployment.config, row.id)).limit(1))
      if (used) throw new Fault('forbidden', `Software config with id ${row.id} can not be deleted as it is referenced.`, { type: 'InvalidRestrictedAction', status: 400 })
      ctx.stage(q.delete(softwareConfig).where(eq(softwareConfig.id, row.id)))
    },
  }),
  endpoint({
    id: 'software_deployments.list', method: 'GET', path: '/software_deployments', status: 200, summary: 'List software deployments', policy: 'software_deployments:index',
    async handle(ctx, { query }) {
      const server = query.get('server_id')
      const [rows] = await ctx.read(q.select().from(softwareDeployment).where(and(eq(softwareDeployment.project, ctx.project), server ? eq(softwareDeployment.server, server) : undefined)).orderBy(desc(softwareDeployment.createdAt), asc(softwareDeployment.id)).limit(1000))
      return { software_deployments: rows.map((d) => deploymentView(openDeployment(ctx, d))) }
    },
  }),
  endpoint({ id: 'software_deployments.metadata', method: 'GET', path: '/software_deployments/metadata/{server}', status: 200, summary: "Show a server's deployments as its agents see them", policy: 'software_deployments:metadata', async handle(ctx, { params }) { return { metadata: await metadataFor(ctx, params.server, ctx.project) } } }),
  endpoint({
    id: 'software_deployments.create', method: 'POST', path: '/software_deployments', status: 200, summary: 'Create a software deployment', policy: 'software_deployments:create', body: deploymentBody,
    async handle(ctx, { body: b }) {
      if (!b.server_id) throw invalid('A deployment needs a server_id.')
      if (b.config_id) await findConfig(ctx, b.config_id)
      else throw invalid('A deployment needs a config_id.')
      const row: Deployment = { id: ctx.uuid(), project: ctx.project, server: b.server_id, config: b.config_id, action: b.action ?? 'INIT', status: b.status ?? 'COMPLETE', reason: b.status_reason ?? '', inputs: b.input_values ?? {}, outputs: null, createdAt: ctx.now(), updatedAt: null }
      ctx.stage(q.insert(softwareDeployment).values(shutDeployment(ctx, row.id, row)))
      ctx.about(row.id)
      return { software_deployment: deploymentView(row) }
    },
  }),
  endpoint({ id: 'software_deployments.show', method: 'GET', path: '/software_deployments/{deployment}', status: 200, summary: 'Show a software deployment', policy: 'software_deployments:show', async handle(ctx, { params }) { return { software_deployment: deploymentView(await findDeployment(ctx, params.deployment)) } } }),
  endpoint({
    id: 'software_deployments.update', method: 'PUT', path: '/software_deployments/{deployment}', status: 200, summary: 'Update a software deployment', policy: 'software_deployments:update', body: deploymentBody,
    async handle(ctx, { params, body: b }) {
      const row = await findDeployment(ctx, params.deployment)
      if (b.config_id) await findConfig(ctx, b.config_id)
      const set: Partial<Deployment> = { ...(b.config_id ? { config: b.config_id } : {}), ...(b.input_values ? { inputs: b.input_values } : {}), ...(b.output_values ? { outputs: b.output_values } : {}), ...(b.action ? { action: b.action } : {}), ...(b.status ? { status: b.status } : {}), ...(b.status_reason ? { reason: b.status_reason } : {}), updatedAt: ctx.now() }
      ctx.stage(q.update(softwareDeployment).set(shutDeployment(ctx, row.id, set)).where(eq(softwareDeployment.id, row.id)), 'stale')
      const now = { ...row, ...set }
      if (b.status) await signalled(ctx, now)
      return { software_deployment: deploymentView(now) }
    },
  }),
  endpoint({ id: 'software_deployments.delete', method: 'DELETE', path: '/software_deployments/{deployment}', status: 204, summary: 'Delete a software deployment', policy: 'software_deployments:delete', async handle(ctx, { params }) { const row = await findDeployment(ctx, params.deployment); ctx.stage(q.delete(softwareDeployment).where(eq(softwareDeployment.id, row.id))) } }),
]
