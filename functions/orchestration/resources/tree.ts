import { and, eq, inArray, isNull } from 'drizzle-orm'
import { stack, stackResource } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { DEPTH } from '../engine/limits.ts'
import type { ResourceLine, StackRow } from '../engine/record.ts'

export interface Level { stack: StackRow; rows: ResourceLine[]; parent?: string }
const chunk = 400

/** A stack and those nested in it, so deep: with their rows, or without. One read per level. */
export async function tree(ctx: Ctx, s: StackRow, depth: number, withRows = true): Promise<{ levels: Level[]; children: Map<string, { id: string; name: string; project: string }> }> {
  const levels: Level[] = [], children = new Map<string, { id: string; name: string; project: string }>(), names = new Map<string, string>()
  let at: StackRow[] = [s]
  for (let d = 0; at.length; d++) {
    const next: StackRow[] = []
    for (let i = 0; i < at.length; i += chunk) {
      const part = at.slice(i, i + chunk), ids = part.map((x) => x.id)
      const [rows, below] = await ctx.read(
        q.select().from(stackResource).where(withRows ? and(inArray(stackResource.stack, ids), eq(stackResource.current, true)) : eq(stackResource.stack, '')).orderBy(stackResource.createdAt, stackResource.name),
        q.select().from(stack).where(and(inArray(stack.owner, ids), isNull(stack.deletedAt))))
      for (const x of part) { const own = rows.filter((r) => r.stack === x.id); for (const r of own) names.set(r.id, r.name); levels.push({ stack: x, rows: own, parent: x.ownerResource ? names.get(x.ownerResource) : undefined }) }
      for (const b of below) { if (b.ownerResource) children.set(b.ownerResource, { id: b.id, name: b.name, project: b.project }); next.push(b) }
    }
    if (d >= depth) break
    at = next
  }
  return { levels, children }
}

export function depthOf(text: string | null): number {
  if (text === null) return 0
  if (/^\d+$/.test(text)) return Math.min(Number(text), DEPTH)
  throw invalid(`Only non-negative integer is supported, not "${text}", for nested_depth.`)
}
