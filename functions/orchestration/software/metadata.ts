import { and, asc, eq } from 'drizzle-orm'
import { softwareConfig, softwareDeployment } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { configView, openConfig, openDeployment } from './model.ts'

/** What agents in a server ask for: its deployments with their configs, in the order they came. */
export async function metadataFor(ctx: Ctx, server: string, project?: string) {
  const [rows] = await ctx.read(q.select().from(softwareDeployment).innerJoin(softwareConfig, eq(softwareConfig.id, softwareDeployment.config)).where(and(eq(softwareDeployment.server, server), project === undefined ? undefined : eq(softwareDeployment.project, project))).orderBy(asc(softwareDeployment.createdAt), asc(softwareDeployment.id)))
  return rows.map((r) => ({ c: openConfig(ctx, r.software_config), d: openDeployment(ctx, r.software_deployment) })).map(({ c, d }) => ({ ...configView(c), id: d.config, inputs: c.inputs.map((i) => (Object.hasOwn(d.inputs, i.name as string) ? { ...i, value: d.inputs[i.name as string] } : i)) }))
}
