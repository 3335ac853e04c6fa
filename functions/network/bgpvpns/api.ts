import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { bgpvpn, bgpvpnAssociation, bgpvpnTarget } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { parsed } from '../ports/view.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { listed, touch } from '../touch.ts'
import { exchanging } from './members.ts'

/** Two or four bytes, or an address, then what is left of six: as RFC 4360 and RFC 4364 write them. */
const wanted = (text: string) => {
  const m = /^((?:\d{1,3}\.){3}\d{1,3}|\d{1,10}):(\d{1,10})$/.exec(text)
  if (!m || [m[2], ...m[1].split('.')].some((n) => n.length > 1 && n.startsWith('0'))) return false
  const [first, second] = [m[1], Number(m[2])]
  if (first.includes('.')) return first.split('.').every((n) => Number(n) < 256) && second < 2 ** 16
  return Number(first) < 2 ** 16 ? second < 2 ** 32 : Number(first) < 2 ** 32 && second < 2 ** 16
}
const kinds = { routeTargets: 'route', importTargets: 'import', exportTargets: 'export' } as const
const named = { routeTargets: 'route_targets', importTargets: 'import_targets', exportTargets: 'export_targets', distinguishers: 'route_distinguishers' } as const
type Listed = keyof typeof named
/** Clients say one by itself, too. */
function read(values: Row): Row {
  const out = { ...values }
  for (const name of Object.keys(named) as Listed[]) {
    if (values[name] === undefined) continue
    const list = [...new Set([values[name] ?? []].flat() as string[])]
    for (const one of list) if (!wanted(one)) throw invalid(`Invalid input for ${named[name]}. Reason: '${one.slice(0, 64)}' is not of the form ASN:NN or ADDRESS:NN.`)
    out[name] = list
  }
  return out
}
const targetsOf = (values: Row, id: string) => Object.entries(kinds).flatMap(([name, kind]) => ((values[name] ?? []) as string[]).map((target) => ({ bgpvpn: id, kind, target })))
const stageTargets = (ctx: Ctx, values: Row, id: string) => { const list = targetsOf(values, id); if (list.length) ctx.stage(q.insert(bgpvpnTarget).values(list)) }
/** All routers that learn something else by a change of these. */
export const touchBgpvpns = (ctx: Ctx, ids: string[]) => touch(ctx, { routers: exchanging(listed(ids)) })

const targets = (kind: string) => sql<string>`(select json_group_array(t.target) from bgpvpn_target t where t.bgpvpn = ${full(bgpvpn.id)} and t.kind = ${kind})`
const associated = (what: SQL) => sql<string>`(select json_group_array(${what}) from bgpvpn_association a where a.bgpvpn = ${full(bgpvpn.id)} and ${what} is not null)`
const theNetwork = sql`case when a.port is null then a.network end`
const extras = {
  routeTargets: targets('route').as('route_targets'), importTargets: targets('import').as('import_targets'), exportTargets: targets('export').as('export_targets'),
  routers: associated(sql`a.router`).as('routers'), networks: associated(theNetwork).as('networks'), ports: associated(sql`a.port`).as('ports'),
}
const view = (r: Row, ctx: Ctx) => ({
  ...standardView(r), type: 'l3', local_pref: r.preference ?? null, routers: parsed<string>(r.routers), networks: parsed<string>(r.networks), ports: parsed<string>(r.ports),
  ...Object.fromEntries((Object.keys(named) as Listed[]).filter((n) => ctx.can(`get_bgpvpn:${named[n]}`)).map((n) => [named[n], parsed<string>(r[n])])),
})

const limit = 100
const list = t.Union([t.Array(t.String({ maxLength: 21 }), { maxItems: limit }), t.String({ maxLength: 21 }), t.Null()])
const preference = t.Union([t.Integer({ minimum: 0, maximum: 4294967295 }), t.Null()])
const by = (query: URLSearchParams, name: string, column: SQL) => (query.has(name) ? sql`${bgpvpn.id} in (select a.bgpvpn from bgpvpn_association a where ${column} in (select value from json_each(${JSON.stringify(query.getAll(name))})))` : undefined)

/**
 * Which routers tell each other their routes: those whose BGP VPNs export and import a common target. Operators say who
 * exchanges with whom; projects say what of theirs takes part.
 */
export const bgpvpnResource: Resource = {
  name: 'bgpvpn', plural: 'bgpvpns', path: '/bgpvpn/bgpvpns', table: bgpvpn, extras, view, sort: [['id', 'asc']], noun: 'BGPVPN', faultType: 'BGPVPNNotFound',
  fields: {
    ...standardFields,
    type: field(t.Enum(['l3', 'l2']), 'create hidden'),
    route_targets: field(list, 'create update'), import_targets: field(list, 'create update'), export_targets: field(list, 'create update'),
    route_distinguishers: field(list, 'create update', 'distinguishers'),
    local_pref: field(preference, 'create update filter sort', 'preference'),
  },
  filterNames: [...tagFilterNames, 'type', 'networks', 'routers', 'ports'],
  filters: (_ctx, query) => [...tagFilters(query, sql`${bgpvpn.tags}`), query.has('type') && !query.getAll('type').includes('l3') ? sql`0` : undefined,
    by(query, 'routers', sql`a.router`), by(query, 'networks', theNetwork), by(query, 'ports', sql`a.port`)],
  verbs: {
    async create(ctx, { type, ...values }) {
      if (type === 'l2') throw invalid('BGPVPN type l2 is not supported: routes are exchanged between routers, not frames between networks.', { type: 'BGPVPNTypeNotSupported' })
      const row = { distinguishers: [], preference: null, ...standardRow(ctx, read(values)) } as Row
      const [quota] = await ctx.read(quotaQuery(row.project, ['bgpvpn']))
      const { routeTargets: _r, importTargets: _i, exportTargets: _e, ...kept } = row
      ctx.stage(q.insert(bgpvpn).values(kept as typeof bgpvpn.$inferInsert))
      stageTargets(ctx, row, row.id)
      withinQuota(ctx, row.project, quota as unknown as unknown[], { bgpvpn: 1 })
      return { routers: [], networks: [], ports: [], ...row }
    },
    update(ctx, row, change) {
      const { routeTargets, importTargets, exportTargets, ...rest } = read(change), lists = { routeTargets, importTargets, exportTargets } as Row
      for (const name of Object.keys(named) as Listed[]) if (change[name] !== undefined && !ctx.can(`update_bgpvpn:${named[name]}`)) throw forbidden(`(rule:update_bgpvpn and rule:update_bgpvpn:${named[name]}) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
      const changed = (Object.keys(kinds) as (keyof typeof kinds)[]).filter((name) => lists[name] !== undefined)
      const told = changed.length > 0 || change.preference !== undefined
      if (told) touchBgpvpns(ctx, [row.id])
      if (changed.length) ctx.stage(q.delete(bgpvpnTarget).where(and(eq(bgpvpnTarget.bgpvpn, row.id), inArray(bgpvpnTarget.kind, changed.map((name) => kinds[name])))))
      stageTargets(ctx, lists, row.id)
      const out = rows(bgpvpn).update(ctx, row, rest)
      if (told) touchBgpvpns(ctx, [row.id])
      return { ...out, ...Object.fromEntries(changed.map((name) => [name, lists[name]])) }
    },
    remove(ctx, row) {
      touchBgpvpns(ctx, [row.id])
      rows(bgpvpn).remove(ctx, row)
    },
  },
}
export const bgpvpns = resource(style, bgpvpnResource)
export const associationsOf = (id: string) => q.select().from(bgpvpnAssociation).where(eq(bgpvpnAssociation.bgpvpn, id)).orderBy(bgpvpnAssociation.id)
