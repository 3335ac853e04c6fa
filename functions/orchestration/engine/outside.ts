import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Sealed } from '../../../schema/kernel.ts'
import { stack } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Scope, Value } from '../template/types.ts'
import { dynamics } from './lookups.ts'
import { openValue } from './sealed.ts'
import type { StackRow } from './record.ts'

/** What a template may ask of the cloud around its stack: exports of other stacks, zones. */
export function outside(ctx: Ctx, s: Pick<StackRow, 'project'>): Partial<Scope> {
  return {
    ...dynamics(ctx, s.project),
    async imported(name) {
      const [[row]] = await ctx.read(q.all<{ stack: string; value: Sealed<unknown> }>(sql`select stack.id as stack, json_extract(o.value, '$.value') as value from ${stack}, json_each(${stack.outputs}) o where ${and(eq(stack.project, s.project), isNull(stack.deletedAt))} and json_extract(o.value, '$.export') = ${name} limit 1`))
      return row ? openValue(ctx, row.stack, row.value) as Value : undefined
    },
    async zones() {
      const [rows] = await ctx.read(q.all<{ zone: string }>(sql`select distinct coalesce(zone, 'nova') as zone from host order by 1`))
      return rows.length ? rows.map((r) => r.zone) : ['nova']
    },
  }
}
