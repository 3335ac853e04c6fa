import { badArgument } from './fault.ts'
import type { Store, Stored } from './store.ts'

export interface Page { objects: Stored[]; prefixes: Buffer[]; next?: Cursor }
/** Where a page begins: after a key, or after everything below a common prefix. */
export type Cursor = { after: Buffer } | { beyond: Buffer }

/** The first key that does not begin with `prefix` and sorts after all that do; undefined if there is none. */
export function successor(prefix: Buffer): Buffer | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i] === 0xff) continue
    const next = Buffer.from(prefix.subarray(0, i + 1))
    next[i]++
    return next
  }
}

const batch = 256

/** One page in key order. Keys below a common prefix are leapt over, so its cost follows the page and not the bucket. */
export function list(store: Store, bucket: string, prefix: Buffer, delimiter: Buffer, cursor: Cursor | undefined, most: number): Page {
  const page: Page = { objects: [], prefixes: [] }
  const end = prefix.length ? successor(prefix) : undefined
  let last: Cursor | undefined
  let from = prefix, inclusive = true
  const start = (c: Cursor | undefined): boolean => {
    if (!c) return true
    const at = 'after' in c ? c.after : successor(c.beyond)
    if (!at) return false
    if (Buffer.compare(at, from) >= 0) { from = at; inclusive = !('after' in c) }
    return true
  }
  if (most === 0 || !start(cursor)) return page
  for (;;) {
    const limit = Math.min(batch, most + 1)
    const rows = store.all(
      `select * from object where bucket = ? and key ${inclusive ? '>=' : '>'} ? ${end ? 'and key < ?' : ''} order by key limit ${limit === batch ? batch : '?'}`,
      bucket, from, ...(end ? [end] : []), ...(limit === batch ? [] : [limit]),
    ) as Stored[]
    let leap: Buffer | undefined
    for (const row of rows) {
      const { key } = row
      if (leap && key.subarray(0, leap.length).equals(leap)) continue
      leap = undefined
      if (page.objects.length + page.prefixes.length === most) return { ...page, next: last }
      const at = delimiter.length ? key.indexOf(delimiter, prefix.length) : -1
      if (at >= 0) {
        leap = key.subarray(0, at + delimiter.length)
        page.prefixes.push(leap)
        last = { beyond: leap }
      } else {
        page.objects.push(row)
        last = { after: key }
      }
    }
    if (rows.length < limit) return page
        if (!start(leap ? { beyond: leap } : { after: rows[rows.length - 1].key })) return page
  }
}

export const tokenOf = (c: Cursor) => ('after' in c ? 'k' : 'p') + Buffer.from('after' in c ? c.after : c.beyond).toString('base64url')
export function cursorOf(token: string): Cursor {
  if (!/^[kp][A-Za-z0-9_-]*$/.test(token)) throw badArgument('The continuation token provided is incorrect')
  const key = Buffer.from(token.slice(1), 'base64url')
  return token[0] === 'k' ? { after: key } : { beyond: key }
}
