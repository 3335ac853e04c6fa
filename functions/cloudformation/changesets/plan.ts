import type { ResourceRow, StackRow } from '../../orchestration/engine/record.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { placeOf } from '../../orchestration/engine/place.ts'
import { programOf, scopeOf, type Program } from '../../orchestration/engine/program.ts'
import { checked } from '../../orchestration/engine/properties.ts'
import { equal } from '../../orchestration/engine/work.ts'
import type { Prepared } from '../../orchestration/stacks/verbs.ts'
import { outside } from '../../orchestration/engine/outside.ts'
import { referencesOf, resolveLater, UNKNOWN, type Value } from '../../orchestration/template/index.ts'
import { typeFor } from '../../orchestration/types/resolve.ts'
import type { Touch } from '../policy.ts'

export interface Detail { attribute: 'Properties' | 'Metadata' | 'DeletionPolicy' | 'UpdateReplacePolicy' | 'Tags'; name?: string; recreation: 'Never' | 'Conditionally' | 'Always'; evaluation: 'Static' | 'Dynamic'; source: string; entity?: string }
export interface Planned { action: 'Add' | 'Modify' | 'Remove'; name: string; type: string; physicalId?: string; replacement?: 'True' | 'False' | 'Conditional'; policyAction?: string; details: Detail[] }

/**
 * What an update would do to each resource: both templates are resolved over what there is now, in the order in which they
 * would be worked through, so that what follows a replacement is known only later.
 */
export async function plan(ctx: Ctx, s: StackRow, { program, rows }: Prepared): Promise<Planned[]> {
  const there = new Map(rows.filter((r) => r.current).map((r) => [r.name, r])), out: Planned[] = []
  const old = s.template ? await programOf(ctx, await placeOf(ctx, s), s.template) : undefined
  const settled = new Map(there), around = outside(ctx, s)
  for (const name of program.graph.order) {
    const def = program.template.resources.get(name)!, row = there.get(name)
    if (!row || row.action === 'DELETE' || row.action === 'INIT') { settled.delete(name); out.push({ action: 'Add', name, type: def.type, details: [] }); continue }
    const found = row.type === def.type && old?.graph.requires.has(name) ? await differences(program, old, row, settled, there, around) : [{ attribute: 'Properties' as const, recreation: 'Always' as const, evaluation: 'Static' as const, source: 'DirectModification' }]
    if (row.status === 'FAILED' && !found.length) found.push({ attribute: 'Properties', recreation: 'Conditionally', evaluation: 'Static', source: 'DirectModification' })
    if (!found.length) continue
    const replacement = found.some((d) => d.recreation === 'Always' && d.evaluation === 'Static') ? 'True' : found.some((d) => d.recreation !== 'Never') ? 'Conditional' : 'False'
    if (replacement === 'True') settled.delete(name)
    out.push({ action: 'Modify', name, type: def.type, physicalId: row.physicalId ?? undefined, replacement, details: found, ...(replacement === 'True' ? { policyAction: policyOf(program, name) } : {}) })
  }
  for (const row of there.values()) if (!program.graph.requires.has(row.name)) out.push({ action: 'Remove', name: row.name, type: row.type, physicalId: row.physicalId ?? undefined, details: [], policyAction: row.deletionPolicy })
  return out
}
const policyOf = (p: Program, name: string) => { const v = p.template.resources.get(name)!.updateReplacePolicy; return typeof v === 'string' ? `ReplaceAnd${v}` : 'ReplaceAndDelete' }

async function differences(now: Program, old: Program, row: ResourceRow, settled: Map<string, ResourceRow>, there: Map<string, ResourceRow>, around: ReturnType<typeof outside>): Promise<Detail[]> {
  const name = row.name, def = now.template.resources.get(name)!, was = old.template.resources.get(name)!, out: Detail[] = []
  const type = await typeFor(def.type, now.environment, now.files, name)
  if (!type) return []
  const read = async (p: Program, json: typeof def.properties, rows: Map<string, ResourceRow>) => checked(type, await resolveLater(json ?? {}, scopeOf(p, rows, around), ['Resources', name, 'Properties']), { name, front: p.place.front, lineOf: p.template.lineOf })
  const [before, after] = [await read(old, was.properties, there), await read(now, def.properties, settled)]
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (equal(before[key], after[key]) || type.properties[key]?.ignored) continue
    const later = unknown(after[key]), live = type.update && type.properties[key]?.update === 'in-place'
    const refs = referencesOf((def.properties as Record<string, never> | null)?.[key] ?? null, now.template.dialect, now.conditions), entity = [...refs.resources][0] ?? refs.attributes[0]?.resource ?? [...refs.parameters][0]
    const same = JSON.stringify((def.properties as any)?.[key]) === JSON.stringify((was.properties as any)?.[key])
    const source = !same ? 'DirectModification' : refs.attributes.length ? 'ResourceAttribute' : refs.resources.size ? 'ResourceReference' : refs.parameters.size ? 'ParameterReference' : 'DirectModification'
    out.push({ attribute: key === 'Tags' ? 'Tags' : 'Properties', name: key === 'Tags' ? undefined : key, recreation: live ? 'Never' : later ? 'Conditionally' : 'Always', evaluation: later ? 'Dynamic' : 'Static', source, ...(same && entity ? { entity } : {}) })
  }
  const plain = (attribute: Detail['attribute'], a: unknown, b: unknown) => { if (!equal(a, b)) out.push({ attribute, recreation: 'Never', evaluation: 'Static', source: 'DirectModification' }) }
  plain('Metadata', was.metadata, def.metadata)
  plain('DeletionPolicy', was.deletionPolicy, def.deletionPolicy)
  plain('UpdateReplacePolicy', was.updateReplacePolicy, def.updateReplacePolicy)
  return out
}
const unknown = (v: Value | undefined): boolean => v === UNKNOWN || (Array.isArray(v) ? v.some(unknown) : v !== null && typeof v === 'object' && Object.values(v).some(unknown))

/** Is anything else of the stack to change: what it shows, its tags, whom it tells. */
export async function otherwise(ctx: Ctx, s: StackRow, now: Program, ask: { tags?: unknown; notifications?: unknown; role?: unknown }): Promise<boolean> {
  if (!s.template) return true
  const old = await programOf(ctx, await placeOf(ctx, s), s.template), shown = (p: Program) => [...p.template.outputs].map(([k, o]) => [k, o.value, o.description, o.export, o.condition])
  if (!equal(shown(old), shown(now)) || s.status === 'FAILED') return true
  // Parameters that only outputs and conditions look at.
  if (!equal(old.parameters.shown, now.parameters.shown) && [...now.template.outputs.values()].some((o) => referencesOf(o.value, now.template.dialect, now.conditions).parameters.size)) return true
  return (ask.tags !== undefined && !equal(ask.tags, s.extra.tags ?? [])) || (ask.notifications !== undefined && !equal(ask.notifications, s.extra.notifications ?? []))
}

/** What a stack policy is asked about. */
export const touches = (p: Planned): Touch | undefined => (p.action === 'Remove' ? 'Update:Delete' : p.action === 'Modify' ? (p.replacement === 'True' ? 'Update:Replace' : 'Update:Modify') : undefined)
