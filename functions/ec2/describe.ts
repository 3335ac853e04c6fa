import { type Static, type TObject, type TProperties } from 'typebox'
import { awsFault } from '../aws/faults.ts'
import { pageToken, readToken } from '../aws/tokens.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { one } from './call.ts'
import { matcher, type Filter, type Sights, type Tag } from './filters.ts'
import { unknown, uuidOf, type Noun } from './ids.ts'
import { read } from './service.ts'
import { many, names } from './shapes.ts'
import { tagSet, tagsOf } from './tags/keep.ts'

export interface Listing<R, I extends { tagSet?: Tag[] }, P extends TProperties> {
  summary: string
  noun: Noun
  /** The parameter that names some, and how it is spelled. */
  ids: [member: string, wire: string]
  /** The element of the answer they are in. */
  set: string
  more?: P
  /** So many after the one with this id, in an order of its own. */
  rows(ctx: Ctx, asked: { limit: number; marker?: string }, input: Static<TObject<P>>): Promise<R[]>
  /** Those with these ids; asked one by one when not said. */
  some?(ctx: Ctx, uuids: string[], input: Static<TObject<P>>): Promise<R[]>
  id?(row: R): string
  /** Where a page ends, as `rows` understands it; the id when not said. */
  marker?(row: R): string
  /** Left out unless this says so. */
  keep?(item: I, input: Static<TObject<P>>): boolean
  name?(row: R): string | undefined | null
  view(ctx: Ctx, rows: R[], input: Static<TObject<P>>): Promise<I[]> | I[]
  filters: Sights<I>
  answer?(items: I[]): Record<string, unknown>
}
const PAGE = 1000
/** So many are asked for one by one; more are picked out of the whole list. */
export const FEW = 20

/** Describes things of a kind: some by id, or all, a page at a time; filtered by what is shown of them. */
export function describe<R, I extends { tagSet?: Tag[] }, P extends TProperties = {}>(action: string, l: Listing<R, I, P>) {
  const id = l.id ?? ((r: R) => (r as { id: string }).id), markerOf = l.marker ?? id, [member, wire] = l.ids
  /** With their tags; those it was given to hold as tags stay. */
  async function shown(ctx: Ctx, rows: R[], input: Static<TObject<P>>): Promise<I[]> {
    const [items, tags] = await Promise.all([l.view(ctx, rows, input), tagsOf(ctx, rows.map(id))])
    return items.map((item, n) => ({ ...item, tagSet: tagSet(tags.get(id(rows[n])), l.name?.(rows[n])) }))
  }
  async function picked(ctx: Ctx, wanted: Set<string>, input: Static<TObject<P>>): Promise<R[]> {
    const out: R[] = []
    for (let marker: string | undefined; ;) {
      const rows = await l.rows(ctx, { limit: PAGE, marker }, input)
      out.push(...rows.filter((r) => wanted.has(id(r))))
      if (rows.length < PAGE || out.length === wanted.size) return out
      marker = markerOf(rows.at(-1)!)
    }
  }
  return read(action, {
    summary: l.summary, input: { ...many, [member]: names(wire), ...l.more } as unknown as typeof many & P,
    async handle(ctx, given) {
      const input = given as unknown as Static<TObject<P>> & { Filters?: Filter[]; MaxResults?: number; NextToken?: string }
      const asked = (input as unknown as Record<string, string[] | undefined>)[member], match = matcher(l.filters, input.Filters), fits = (item: I) => match(item) && (!l.keep || l.keep(item, input))
      const answer = l.answer ?? ((items: I[]) => ({ [l.set]: items }))
      if (asked?.length) {
        if (input.MaxResults || input.NextToken) throw awsFault('InvalidParameterCombination', `The parameter ${member} cannot be used with the parameter MaxResults`)
        const distinct = [...new Map(asked.map((a) => [uuidOf(l.noun, a), a]))]
        const uuids = distinct.map(([uuid]) => uuid)
        const rows = distinct.length > FEW && !l.some ? await picked(ctx, new Set(uuids), input) : l.some ? await l.some(ctx, uuids, input) : await Promise.all(distinct.map(([, a]) => one(ctx, l.noun as never, a) as Promise<R>))
        const missing = distinct.filter(([uuid]) => !rows.some((r) => id(r) === uuid))
        if (missing.length) throw unknown(l.noun, ...missing.map(([, a]) => a))
        return answer((await shown(ctx, rows, input)).filter(fits))
      }
      let marker = readToken(input.NextToken, () => awsFault('InvalidNextToken', 'The pagination token is not valid'))?.[0] as string | undefined
      const out: I[] = [], most = input.MaxResults ?? Infinity
      for (;;) {
        const limit = input.Filters?.length || l.keep ? PAGE : Math.min(PAGE, most - out.length)
        const rows = await l.rows(ctx, { limit, marker }, input), items = await shown(ctx, rows, input)
        for (const [n, item] of items.entries()) {
          if (!fits(item)) continue
          out.push(item)
          if (out.length === most && (n + 1 < rows.length || rows.length === limit)) return { ...answer(out), nextToken: pageToken(markerOf(rows[n])) }
        }
        if (rows.length < limit || out.length === most) return answer(out)
        marker = markerOf(rows.at(-1)!)
      }
    },
  })
}

/** A page of what was read whole, in order of ids. */
export const after = <R extends { id: string }>(rows: R[], { limit, marker }: { limit: number; marker?: string }) => rows.sort((a, b) => (a.id < b.id ? -1 : 1)).filter((r) => !marker || r.id > marker).slice(0, limit)
