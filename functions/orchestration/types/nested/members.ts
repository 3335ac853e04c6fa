import type { Reading, Work } from '../provider.ts'
import { memberOf } from './child.ts'

/** Groups whose members are called by number. */
export const members = (s: any) => Object.keys(s.resources).sort((a, b) => Number(a) - Number(b))
/** What `attributes.ATTR`, `resource.N[.ATTR…]`, and an attribute of each ask of such a group. */
export async function reach(s: any, r: Reading, name: string): Promise<unknown> {
  const [head, ...rest] = name.split('.')
  if (head === 'attributes') return rest.length ? Object.fromEntries(await Promise.all(members(s).map(async (n) => [n, await memberOf(r as Work, s, n, rest.join('.'))]))) : {}
  if (head === 'resource') { const [n, ...attr] = rest; return s.resources[n] ? attr.length ? memberOf(r as Work, s, n, attr.join('.')) : s.resources[n].id : undefined }
  return Promise.all(members(s).map((n) => memberOf(r as Work, s, n, name)))
}
