import { sql, type SQL } from 'drizzle-orm'
import { project } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'

const kin = (seed: SQL, step: SQL) => sql`${project.id} in (with recursive kin (id) as (${seed} union ${step}) select id from kin)`
/** Projects above one, up to its domain. */
export const aboveIs = (id: string) => kin(sql`select parent_id from project where id = ${id}`, sql`select project.parent_id from project join kin on project.id = kin.id where project.parent_id is not null`)
/** Projects below one. */
export const belowIs = (id: string) => kin(sql`select id from project where parent_id = ${id}`, sql`select project.id from project join kin on project.parent_id = kin.id`)
export const family = (where: SQL) => q.select().from(project).where(where).orderBy(project.id).limit(10_000)

type Node = { id: string; parent: string | null }
type Tree = { [id: string]: Tree | null }
/** `{child: {grandchild: null}}` */
export function treeBelow(rows: Node[], of: string): Tree | null {
  const children = rows.filter((r) => r.parent === of)
  return children.length ? Object.fromEntries(children.map((c) => [c.id, treeBelow(rows, c.id)])) : null
}
/** `{parent: {grandparent: null}}` */
export function treeAbove(rows: Node[], of: Node): Tree | null {
  const parent = rows.find((r) => r.id === of.parent)
  return parent ? { [parent.id]: treeAbove(rows, parent) } : null
}
