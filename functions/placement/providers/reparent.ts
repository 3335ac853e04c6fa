import { eq, sql } from 'drizzle-orm'
import { provider } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import type { ProviderRow } from './read.ts'

/** Moves a provider, with all that is below it, under another or out of its tree. `family`: every row of the trees concerned. */
export function reparent(ctx: Ctx, p: ProviderRow, above: string | null, family: ProviderRow[]): ProviderRow {
  const cannot = (why: string) => invalid(`Unable to save resource provider ${p.id}: ${why}`)
  const target = above === null ? undefined : family.find((f) => f.id === above)
  if (above !== null && !target) throw cannot(`the parent provider ${above} does not exist.`)
  if (p.parent !== null && ctx.version < 1037) throw cannot('a provider that has a parent can be moved since microversion 1.37.')
  for (let up: ProviderRow | undefined = target; up; up = family.find((f) => f.id === up!.parent)) {
    if (up.id === p.id) throw cannot(`${above} is below it, or is itself: that would be a loop.`)
  }
  const root = target?.root ?? p.id
  if (above !== null) {
    ctx.stage(run(sql`insert into guard select 'stale', exists (select 1 from ${provider} where id = ${above} and root = ${root})
      and not exists (with recursive up(id, parent) as (select id, parent from ${provider} where id = ${above} union select f.id, f.parent from ${provider} f join up on f.id = up.parent) select 1 from up where id = ${p.id})`))
  }
  ctx.stage(q.update(provider).set({ parent: above }).where(eq(provider.id, p.id)), 'stale')
  ctx.stage(run(sql`update ${provider} set root = ${root} where id in (with recursive below(id) as (select ${p.id} union select f.id from ${provider} f join below on f.parent = below.id) select id from below)`))
  return { ...p, parent: above, root }
}
