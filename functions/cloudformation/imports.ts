import { and, eq, isNull, like } from 'drizzle-orm'
import { stack, stackTemplate } from '../../schema/orchestration.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { placeOf } from '../orchestration/engine/place.ts'
import { programOf, scopeOf } from '../orchestration/engine/program.ts'
import { resolve, type Json } from '../orchestration/template/index.ts'

/** Which stacks use which exports. Their names may be put together of parameters, so templates are read with those. */
export async function importing(ctx: Ctx): Promise<{ stack: string; names: string[] }[]> {
  const [rows] = await ctx.read(q.select({ stack }).from(stack).innerJoin(stackTemplate, eq(stackTemplate.id, stack.template)).where(and(eq(stack.project, ctx.project), isNull(stack.deletedAt), like(stackTemplate.body, '%ImportValue%'))).limit(500))
  const out: { stack: string; names: string[] }[] = []
  for (const { stack: s } of rows) {
    const program = await programOf(ctx, await placeOf(ctx, s), s.template!).catch(() => undefined)
    if (!program) continue
    const names = new Set<string>(), scope = scopeOf(program, new Map())
    const look = (json: Json | undefined): void => {
      if (json === null || typeof json !== 'object') return
      if (!Array.isArray(json) && 'Fn::ImportValue' in json) { try { const v = resolve(json['Fn::ImportValue'], scope); if (typeof v === 'string') names.add(v) } catch { /* names nothing yet */ } }
      for (const v of Object.values(json)) look(v as Json)
    }
    for (const r of program.template.resources.values()) look(r.properties)
    for (const o of program.template.outputs.values()) look(o.value)
    if (names.size) out.push({ stack: s.name, names: [...names] })
  }
  return out
}
