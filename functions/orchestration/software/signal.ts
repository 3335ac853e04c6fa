import { eq, sql } from 'drizzle-orm'
import { stackResource } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { rouse } from '../../kernel/graph.ts'
import type { Deployment } from './model.ts'

/** A deployment's state moved: the resource that waits for it looks again. */
export async function signalled(ctx: Ctx, d: Pick<Deployment, 'id'>) {
  const [rows] = await ctx.read(q.select({ stack: stackResource.stack, name: stackResource.name }).from(stackResource).where(eq(stackResource.physicalId, d.id)))
  for (const r of rows) rouse(ctx, r.stack, sql`select ${`a:${r.name}`}`)
}
