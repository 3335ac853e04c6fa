import type { NewNode } from '../../kernel/saga.ts'
import type { Program } from './program.ts'
import type { ResourceRow } from './record.ts'
import { LIGHT } from './light.ts'

/** One node per resource of the template, after those it needs. */
export const applyNodes = (p: Program): NewNode[] => p.graph.order.map((name) => ({ key: `a:${name}`, kind: p.light.has(name) ? 'apply*' : 'apply', args: { name, needs: [...p.graph.requires.get(name)!] }, requires: [...p.graph.requires.get(name)!].map((n) => `a:${n}`) }))

type Part = Pick<ResourceRow, 'id' | 'name' | 'type' | 'requires' | 'current'>
/** Taken away in reverse: whatever needs a thing goes before it. */
export function removeNodes(rows: Part[]): NewNode[] {
  const byName = new Map<string, Part[]>()
  for (const r of rows) byName.set(r.name, [...byName.get(r.name) ?? [], r])
  const requires = new Map(rows.map((r) => [r.id, new Set<string>()]))
  for (const r of rows) for (const need of r.requires) for (const other of byName.get(need) ?? []) if (other.id !== r.id) requires.get(other.id)!.add(r.id)
  breakCircles(rows.map((r) => r.id), requires)
  return rows.map((r) => ({ key: `r:${r.id}`, kind: LIGHT.has(r.type) ? 'remove*' : 'remove', args: { row: r.id, name: r.name }, requires: [...requires.get(r.id)!].map((id) => `r:${id}`) }))
}
/** One after the other as they need each other, or the other way round. */
export function actNodes(rows: Part[], backwards: boolean): NewNode[] {
  const byName = new Map(rows.map((r) => [r.name, r.id])), requires = new Map(rows.map((r) => [r.id, new Set<string>()]))
  for (const r of rows) for (const need of r.requires) { const id = byName.get(need); if (id && id !== r.id) (backwards ? requires.get(id)! : requires.get(r.id)!).add(backwards ? r.id : id) }
  breakCircles(rows.map((r) => r.id), requires)
  return rows.map((r) => ({ key: `x:${r.id}`, kind: 'act', args: { row: r.id, name: r.name }, requires: [...requires.get(r.id)!].map((id) => `x:${id}`) }))
}

/** Rows of different templates may need each other in a circle; whoever closes it waits for nobody. */
function breakCircles(ids: string[], requires: Map<string, Set<string>>) {
  const left = new Map(ids.map((id) => [id, requires.get(id)!.size])), by = new Map<string, string[]>()
  for (const [id, needs] of requires) for (const n of needs) by.set(n, [...by.get(n) ?? [], id])
  const free = ids.filter((id) => left.get(id) === 0), seen = new Set(free)
  for (;;) {
    for (let i = 0; i < free.length; i++) for (const next of by.get(free[i]) ?? []) { const n = left.get(next)! - 1; left.set(next, n); if (n === 0 && !seen.has(next)) { seen.add(next); free.push(next) } }
    const stuck = ids.find((id) => !seen.has(id))
    if (stuck === undefined) return
    for (const n of [...requires.get(stuck)!]) if (!seen.has(n)) requires.get(stuck)!.delete(n)
    left.set(stuck, 0); seen.add(stuck); free.push(stuck)
  }
}
