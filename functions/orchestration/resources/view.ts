import type { Ctx } from '../../kernel/ctx.ts'
import { isoSeconds } from '../../kernel/view.ts'
import type { ResourceLine, StackRow } from '../engine/record.ts'
import { hrefOf } from '../stacks/view.ts'

export interface Beside { children: Map<string, { id: string; name: string; project: string }>; requiredBy: Map<string, string[]>; parent?: string }

/** Who needs whom, by the rows in force. */
export function requiredBy(rows: ResourceLine[]): Map<string, string[]> {
  const out = new Map<string, string[]>()
  for (const r of rows) if (r.current) for (const need of r.requires) { const l = out.get(need); if (l) l.push(r.name); else out.set(need, [r.name]) }
  return out
}

export function resourceView(ctx: Ctx, s: StackRow, r: ResourceLine, b: Beside) {
  const nested = b.children.get(r.id)
  return {
    resource_name: r.name, logical_resource_id: r.name, physical_resource_id: r.physicalId ?? '', resource_type: r.type, resource_status: `${r.action}_${r.status}`, resource_status_reason: r.reason || 'state changed',
    creation_time: isoSeconds(r.createdAt), updated_time: isoSeconds(r.updatedAt), required_by: b.requiredBy.get(r.name) ?? [], ...(b.parent ? { parent_resource: b.parent } : {}),
    links: [{ href: hrefOf(ctx, s, `/resources/${encodeURIComponent(r.name)}`), rel: 'self' }, { href: hrefOf(ctx, s), rel: 'stack' }, ...(nested ? [{ href: hrefOf(ctx, nested), rel: 'nested' }] : [])],
  }
}
