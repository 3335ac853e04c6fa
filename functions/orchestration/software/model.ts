import { and, eq } from 'drizzle-orm'
import { softwareConfig, softwareDeployment } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { open, shut } from '../engine/sealed.ts'
import type { Json } from '../template/index.ts'

type Io = Record<string, unknown>
type StoredConfig = typeof softwareConfig.$inferSelect
type StoredDeployment = typeof softwareDeployment.$inferSelect
export interface Config extends Omit<StoredConfig, 'config' | 'inputs'> { config: Json; inputs: Io[] }
export interface Deployment extends Omit<StoredDeployment, 'inputs' | 'outputs'> { inputs: Io; outputs: Io | null }
export const openConfig = (ctx: Ctx, c: StoredConfig): Config => ({ ...c, config: open(ctx, c.id, c.config) as Json, inputs: open(ctx, c.id, c.inputs) })
export const shutConfig = (ctx: Ctx, c: Config): StoredConfig => ({ ...c, config: shut<unknown>(ctx, c.id, c.config), inputs: shut(ctx, c.id, c.inputs) })
export const openDeployment = (ctx: Ctx, d: StoredDeployment): Deployment => ({ ...d, inputs: open(ctx, d.id, d.inputs), outputs: d.outputs && open(ctx, d.id, d.outputs) })
export function shutDeployment(ctx: Ctx, id: string, d: Deployment): StoredDeployment
export function shutDeployment(ctx: Ctx, id: string, d: Partial<Deployment>): Partial<StoredDeployment>
export function shutDeployment(ctx: Ctx, id: string, { inputs, outputs, ...d }: Partial<Deployment>): Partial<StoredDeployment> {
  return { ...d, ...(inputs ? { inputs: shut(ctx, id, inputs) } : {}), ...(outputs ? { outputs: shut<Io | null>(ctx, id, outputs) } : {}) }
}

const mine = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(softwareConfig.project, ctx.project))
export async function findConfig(ctx: Ctx, id: string): Promise<Config> {
  const [[row]] = await ctx.read(q.select().from(softwareConfig).where(and(eq(softwareConfig.id, id), mine(ctx))))
  if (!row) throw notFound('Software config', id, `Software config ${id} not found.`, { type: 'NotFound' })
  return openConfig(ctx, row)
}
export async function findDeployment(ctx: Ctx, id: string): Promise<Deployment> {
  const [[row]] = await ctx.read(q.select().from(softwareDeployment).where(and(eq(softwareDeployment.id, id), ctx.caller.admin ? undefined : eq(softwareDeployment.project, ctx.project))))
  if (!row) throw notFound('Deployment', id, `Deployment with id ${id} not found`, { type: 'NotFound' })
  return openDeployment(ctx, row)
}

const KINDS = ['String', 'Number', 'CommaDelimitedList', 'Json', 'Boolean']
/** Inputs and outputs as the language has them; heat refuses what it does not know of them. */
function io(list: unknown, what: 'inputs' | 'outputs', known: string[], defaults: Io): Io[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw invalid(`"${what}" must be a list`)
  return list.map((x: Io) => {
    if (!x || typeof x !== 'object' || typeof x.name !== 'string' || !x.name) throw invalid(`Each of the ${what} needs a name`)
    const odd = Object.keys(x).find((k) => !known.includes(k))
    if (odd !== undefined) throw invalid(`Unknown Property ${odd}`)
    if (x.type !== undefined && !KINDS.includes(x.type as string)) throw invalid(`"${String(x.type)}" is not an allowed value [${KINDS.join(', ')}]`)
    return { ...defaults, ...x }
  })
}
export const inputsOf = (list: unknown) => io(list, 'inputs', ['name', 'type', 'description', 'default', 'value', 'replace_on_change'], { type: 'String' })
export const outputsOf = (list: unknown) => io(list, 'outputs', ['name', 'type', 'description', 'error_output'], { type: 'String', error_output: false })

export function newConfig(ctx: Ctx, project: string, b: { name?: string; group?: string; config?: unknown; inputs?: unknown; outputs?: unknown; options?: unknown }): Config {
  return {
    id: ctx.uuid(), project, name: b.name ?? '', group: b.group ?? 'Heat::Ungrouped', config: (b.config ?? '') as Json,
    inputs: inputsOf(b.inputs), outputs: outputsOf(b.outputs), options: (b.options ?? {}) as Record<string, unknown>, createdAt: ctx.now(),
  }
}
export const configView = (c: Config, o: { detail?: boolean; project?: boolean } = {}) => ({
  id: c.id, name: c.name, group: c.group, creation_time: isoSeconds(c.createdAt), ...(o.detail === false ? {} : { config: c.config, inputs: c.inputs, outputs: c.outputs, options: c.options }), ...(o.project ? { project: c.project } : {}),
})
export const deploymentView = (d: Deployment) => ({
  id: d.id, server_id: d.server, config_id: d.config, action: d.action, status: d.status, status_reason: d.reason, input_values: d.inputs, output_values: d.outputs, creation_time: isoSeconds(d.createdAt), ...(d.updatedAt ? { updated_time: isoSeconds(d.updatedAt) } : {}),
})
