import { and, eq, isNull, sql } from 'drizzle-orm'
import { stack, stackTemplate } from '../../schema/orchestration.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { importsOf } from '../orchestration/engine/imports.ts'
import { placeOf } from '../orchestration/engine/place.ts'
import { programOf } from '../orchestration/engine/program.ts'

/** Which stacks use which exports. */
export async function importing(ctx: Ctx): Promise<{ stack: string; names: string[] }[]> {
  const [rows] = await ctx.read(q.select({ stack, imports: stackTemplate.imports }).from(stack).innerJoin(stackTemplate, eq(stackTemplate.id, stack.template)).where(and(eq(stack.project, ctx.project), isNull(stack.deletedAt), sql`(${stackTemplate.imports} is null and ${stack.front} = 'aws' or ${stackTemplate.imports} <> '[]')`)).limit(500))
  const out: { stack: string; names: string[] }[] = []
  for (const { stack: s, imports } of rows) {
    // Templates from before this was noted down are read again.
    const names = imports ?? await placeOf(ctx, s).then((place) => programOf(ctx, place, s.template!)).then(importsOf).catch(() => [])
    if (names.length) out.push({ stack: s.name, names })
  }
  return out
}
