import type { Ctx } from '../../kernel/ctx.ts'
import { isKnown, type Json, type Value } from '../template/index.ts'
import type { Program } from '../engine/program.ts'
import { compile } from '../engine/program.ts'
import type { Sighted } from '../engine/validate.ts'
import { validate } from '../engine/validate.ts'
import { regionOf } from '../engine/place.ts'
import type { StackRow } from '../engine/record.ts'
import type { PlannedChange } from './changes.ts'

/** What is not known before it is there shows as nothing. */
export const known = (v: Value | undefined): Json => (v === undefined || typeof v === 'symbol' ? null : Array.isArray(v) ? v.map(known) : v && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, known(x)])) : v)

interface Where { project: string; name: string; id: string }
const identity = (at: Where, path = '') => ({ tenant: at.project, stack_name: at.name, stack_id: at.id, path })

export function previewed(p: Program, one: Sighted, at: Where, parent?: string) {
  const hidden = (k: string) => one.type.properties[k]?.hidden
  return {
    resource_name: one.name, logical_resource_id: one.name, resource_type: p.template.resources.get(one.name)!.type, resource_action: 'INIT', resource_status: 'COMPLETE', resource_status_reason: '', physical_resource_id: '', description: p.template.resources.get(one.name)?.description ?? '',
    creation_time: null, updated_time: null, required_by: [...p.graph.requiredBy.get(one.name) ?? []], resource_identity: identity(at, `/resources/${one.name}`), stack_identity: identity(at), stack_name: at.name, ...(parent ? { parent_resource: parent } : {}),
    metadata: isKnown((p.template.resources.get(one.name)!.metadata ?? null) as Value) ? p.template.resources.get(one.name)!.metadata ?? {} : {}, attributes: Object.fromEntries(Object.keys(one.type.attributes).filter((a) => a !== '*').map((a) => [a, ''])),
    properties: Object.fromEntries(Object.keys(one.type.properties).map((k) => [k, hidden(k) ? '******' : known(one.properties[k])])),
  }
}

/** Resources as they would be, stacks within as lists of their own. */
export async function resourcesOf(ctx: Ctx, p: Program, at: Where, depth = 0, parent?: string): Promise<unknown[]> {
  const out: unknown[] = []
  for (const one of await validate(p)) {
    const inner = depth < 5 ? one.type.preview?.(one.properties, p) : undefined
    if (!inner) { out.push(previewed(p, one, at, parent)); continue }
    const below = { ...at, name: `${at.name}-${one.name}` }
    const child = await compile(inner, { id: 'None', name: below.name, project: at.project, front: 'heat', region: regionOf(ctx) }, '', { lenient: true })
    out.push(await resourcesOf(ctx, child, below, depth + 1, one.name))
  }
  return out
}

/** Of an update: five lists of resources. */
export function listed(ctx: Ctx, s: StackRow, program: Program, changes: PlannedChange[]) {
  const at = { project: s.project, name: s.name, id: s.id }
  const show = (c: PlannedChange) => (c.sighted ? { ...previewed(program, c.sighted, at), ...(c.row ? { physical_resource_id: c.row.physicalId ?? '', resource_action: c.row.action, resource_status: c.row.status } : {}) }
    : { resource_name: c.name, logical_resource_id: c.name, resource_type: c.type, physical_resource_id: c.row?.physicalId ?? '', resource_action: c.row?.action, resource_status: c.row?.status, resource_status_reason: c.row?.reason ?? '', resource_identity: identity(at, `/resources/${c.name}`), stack_identity: identity(at), stack_name: s.name })
  return { resource_changes: Object.fromEntries(['unchanged', 'updated', 'replaced', 'added', 'deleted'].map((k) => [k, changes.filter((c) => c.action === k).map(show)])) }
}
