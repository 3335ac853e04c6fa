import { and, eq } from 'drizzle-orm'
import { softwareConfig, softwareDeployment } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'
import type { Json } from '../template/index.ts'

export type Config = typeof softwareConfig.$inferSelect
export type Deployment = typeof softwareDeployment.$inferSelect

const mine = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(softwareConfig.project, ctx.project))
export async function findConfig(ctx: Ctx, id: string): Promise<Config> {
  const [[row]] = await ctx.read(q.select().from(softwareConfig).where(and(eq(softwareConfig.id, id), mine(ctx))))
  if (!row) throw notFound('Software config', id, `Software config ${id} not found.`, { type: 'NotFound' })
  return row
}
export async function findDeployment(ctx: Ctx, id: string): Promise<Deployment> {
  const [[row]] = await ctx.read(q.select().from(softwareDeployment).where(and(eq(softwareDeployment.id, id), ctx.caller.admin ? undefined : eq(softwareDeployment.project, ctx.project))))
  if (!row) throw notFound('Deployment', id, `Deployment with id ${id} not found`, { type: 'NotFound' })
  return row
}

const KINDS = ['String', 'Number', 'CommaDelimitedList', 'Json', 'Boolean']
type Io = Record<string, unknown>
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
    id: ctx.uuid(), project, name: b.name ?? '', group: b.group ?? 'Heat::Ungrouped', config: JSON.stringify(b.config ?? ''),
    inputs: inputsOf(b.inputs), outputs: outputsOf(b.outputs), options: (b.options ?? {}) as Record<string, unknown>, createdAt: ctx.now(),
  }
}
/** Text as a rule; of structured ones the structure. */
export const body = (c: Pick<Config, 'config'>): Json => JSON.parse(c.config)
export const configView = (c: Config, o: { detail?: boolean; project?: boolean } = {}) => ({
  id: c.id, name: c.name, group: c.group, creation_time: isoSeconds(c.createdAt), ...(o.detail === false ? {} : { config: body(c), inputs: c.inputs, outputs: c.outputs, options: c.options }), ...(o.project ? { project: c.project } : {}),
})
export const deploymentView = (d: Deployment) => ({
  id: d.id, server_id: d.server, config_id: d.config, action: d.action, status: d.status, status_reason: d.reason, input_values: d.inputs, output_values: d.outputs, creation_time: isoSeconds(d.createdAt), ...(d.updatedAt ? { updated_time: isoSeconds(d.updatedAt) } : {}),
})
