import { inArray } from 'drizzle-orm'
import { customClass, customTrait } from '../../schema/placement.ts'
import { q } from '../kernel/db.ts'
import { invalid } from '../kernel/fault.ts'
import { standardClasses } from './classes/standard.ts'
import { isStandardTrait } from './traits/standard.ts'

/** Which of the names exist besides the standard ones: part of a batch; then `unknown…` or `check…` on its rows. */
export const classesQuery = (names: Iterable<string>) => q.select().from(customClass).where(inArray(customClass.name, [...names]))
export const traitsQuery = (names: Iterable<string>) => q.select().from(customTrait).where(inArray(customTrait.name, [...names]))
type Named = { name: string }[]

const missing = (names: Iterable<string>, rows: Named, standard: (name: string) => boolean) => [...new Set(names)].filter((n) => !standard(n) && !rows.some((r) => r.name === n))
export function checkClasses(names: Iterable<string>, rows: Named, where = 'resources parameter') {
  const bad = missing(names, rows, (n) => standardClasses.includes(n))
  if (bad.length) throw invalid(`Invalid resource class in ${where}: no such resource class ${bad.join(', ')}.`)
}
export function checkTraits(names: Iterable<string>, rows: Named) {
  const bad = missing(names, rows, isStandardTrait)
  if (bad.length) throw invalid(`No such trait(s): ${bad.join(', ')}.`)
}
