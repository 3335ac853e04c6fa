import { and, eq, inArray, ne, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { addressScope, network, rbac, subnet, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { type Cidr, cidrOf, overlaps, readCidr, toAddress } from '../addresses.ts'
import { visibleScopes } from '../addressscopes/api.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { endpoint, style } from '../service.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { visiblePools } from './visible.ts'

type Pool = typeof subnetPool.$inferSelect
const bits = (v: number) => (v === 4 ? 32 : 128)
const view = (r: Row) => ({
  ...standardView(r), prefixes: r.prefixes, ip_version: r.version, min_prefixlen: String(r.minPrefix), max_prefixlen: String(r.maxPrefix), default_prefixlen: String(r.defaultPrefix),
  default_quota: r.defaultQuota, shared: r.shared, is_default: r.isDefault, address_scope_id: r.addressScope,
})
const fault = (message: string, type: string) => invalid(message, { type })

/** Prefixes in canonical form, of one family, those that touch joined. */
export function compact(texts: string[], field = 'prefixes'): { version: number; prefixes: string[] } {
  const all = texts.map((p) => readCidr(p, field))
  if (all.some((c) => c.version !== all[0].version)) throw fault('Invalid subnet pool: prefixes of different IP versions.', 'PrefixVersionMismatch')
  const list = all.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : a.prefix - b.prefix))
  const out: Cidr[] = []
  for (const c of list) {
    if (out.length && c.last <= out[out.length - 1].last) continue
    out.push(c)
    for (let a = out[out.length - 2], b = out[out.length - 1]; a && b && a.prefix === b.prefix && a.last + 1n === b.first && a.first % (2n * (a.last - a.first + 1n)) === 0n; a = out[out.length - 2], b = out[out.length - 1]) {
      out.splice(-2, 2, cidrOf(`${toAddress(a.first, a.version)}/${a.prefix - 1}`))
    }
  }
  return { version: all[0].version, prefixes: out.map((c) => c.text) }
}

function checkLengths(p: { version: number; minPrefix: number; maxPrefix: number; defaultPrefix: number }) {
  const most = bits(p.version)
  for (const [name, n] of [['min_prefixlen', p.minPrefix], ['max_prefixlen', p.maxPrefix], ['default_prefixlen', p.defaultPrefix]] as const) if (n > most) throw fault(`Invalid input for ${name}. Reason: ${n} is more than ${most}.`, 'UnsupportedMaxSubnetPoolPrefix')
  const pair = (a: string, x: number, b: string, y: number) => { if (x > y) throw fault(`Illegal prefix bounds: ${a}=${x}, ${b}=${y}.`, 'IllegalSubnetPoolPrefixBounds') }
  pair('min_prefixlen', p.minPrefix, 'max_prefixlen', p.maxPrefix)
  pair('min_prefixlen', p.minPrefix, 'default_prefixlen', p.defaultPrefix)
  pair('default_prefixlen', p.defaultPrefix, 'max_prefixlen', p.maxPrefix)
}
const scopeReads = (ctx: Ctx, scope: unknown, self: string) => [
  q.select().from(addressScope).where(and(eq(addressScope.id, (scope as string) ?? ''), visibleScopes(ctx))),
  q.select({ id: subnetPool.id, prefixes: subnetPool.prefixes }).from(subnetPool).where(and(eq(subnetPool.addressScope, (scope as string) ?? ''), ne(subnetPool.id, self))),
]
/** Within a scope addresses mean one thing: its pools do not overlap and are of its family. */
function checkScope(ctx: Ctx, p: Pool, scopes: (typeof addressScope.$inferSelect)[], others: { id: string; prefixes: string[] }[]) {
  if (!p.addressScope) return
  const scope = scopes.find((s) => s.id === p.addressScope)
  if (!scope) throw notFound('address scope', p.addressScope, undefined, { type: 'AddressScopeNotFound' })
  if (scope.project !== p.project && !scope.shared && !ctx.caller.admin) throw fault(`Illegal subnetpool association: subnetpool ${p.id} cannot be associated with address scope ${scope.id}.`, 'IllegalSubnetPoolAssociationToAddressScope')
  if (scope.version !== p.version) throw fault(`Illegal subnetpool association: subnetpool ${p.id} cannot associate with address scope ${scope.id} because subnetpool ip_version is not ${scope.version}.`, 'IllegalSubnetPoolIpVersionAssociationToAddressScope')
  for (const o of others) if (o.prefixes.some((a) => p.prefixes.some((b) => overlaps(cidrOf(a), cidrOf(b))))) throw fault(`Address scope ${scope.id}: prefixes of subnetpool ${p.id} overlap with those of subnetpool ${o.id}.`, 'AddressScopePrefixConflict')
}
const mayShare = (ctx: Ctx, values: Row) => { for (const [name, wire] of [['shared', 'shared'], ['isDefault', 'is_default']]) if (values[name] && !ctx.caller.admin) throw forbidden(`(rule:create_subnetpool and rule:create_subnetpool:${wire}) is disallowed by policy`, { type: 'PolicyNotAuthorized' }) }
const onlyDefault = (p: Pool, defaults: { id: string }[]) => { if (p.isDefault && defaults.some((d) => d.id !== p.id)) throw fault(`A default subnetpool for this IP family has already been set. Only one default may exist per IP family.`, 'InvalidInput') }
const defaultsOf = (version: unknown) => q.select({ id: subnetPool.id }).from(subnetPool).where(and(eq(subnetPool.isDefault, true), typeof version === 'number' ? eq(subnetPool.version, version) : sql`${subnetPool.version} = (${version as ReturnType<typeof sql>})`))

async function create(ctx: Ctx, values: Row): Promise<Row> {
  mayShare(ctx, values)
  const base = standardRow(ctx, values), { version, prefixes } = compact(values.prefixes)
  const [quota, scopes, others, defaults] = await ctx.read(quotaQuery(base.project, ['subnetpool']), ...scopeReads(ctx, values.addressScope, '') as unknown as [Query, Query], defaultsOf(version)) as unknown as [unknown[], any[], any[], { id: string }[]]
  const minPrefix = Number(values.minPrefix ?? (version === 4 ? 8 : 64))
  const row = { shared: false, isDefault: false, defaultQuota: null, addressScope: null, ...base, version, prefixes, minPrefix, maxPrefix: Number(values.maxPrefix ?? bits(version)), defaultPrefix: Number(values.defaultPrefix ?? minPrefix) } as unknown as Pool
  checkLengths(row)
  checkScope(ctx, row, scopes, others)
  onlyDefault(row, defaults)
  ctx.stage(q.insert(subnetPool).values(row))
  withinQuota(ctx, base.project, quota, { subnetpool: 1 })
  return row
}

function update(ctx: Ctx, row: Row, change: Row, joined: any[]): Row {
  mayShare(ctx, change)
  for (const k of ['minPrefix', 'maxPrefix', 'defaultPrefix']) if (change[k] !== undefined) change[k] = Number(change[k])
  if (change.prefixes) {
    const { version, prefixes } = compact([...row.prefixes, ...change.prefixes])
    if (version !== row.version) throw fault('Invalid subnet pool: the IP version of a pool cannot be changed.', 'PrefixVersionMismatch')
    const kept = compact(change.prefixes).prefixes.map(cidrOf)
    if (!(row.prefixes as string[]).map(cidrOf).every((c) => kept.some((k) => k.first <= c.first && k.last >= c.last))) throw fault('Existing prefixes must be a subset of the new prefixes.', 'IllegalSubnetPoolPrefixUpdate')
    change.prefixes = prefixes
  }
  const next = { ...row, ...change } as Pool
  checkLengths(next)
  if (change.addressScope !== undefined || change.prefixes) checkScope(ctx, next, joined[0].length || change.addressScope ? joined[0] : joined[2], joined[1].length || change.addressScope ? joined[1] : joined[3])
  if (change.isDefault) onlyDefault(next, joined[4])
  return rows(subnetPool).update(ctx, row, change)
}

function remove(ctx: Ctx, row: Row, [used]: unknown[][]) {
  if (used.length) throw conflict(`Unable to delete subnet pool: Subnet pool has existing allocations.`, { type: 'SubnetPoolDeleteError' })
  // A subnet that is being taken from it demands the revision it has read; so does this.
  ctx.stage(q.update(subnetPool).set({ revision: row.revision + 1 }).where(and(eq(subnetPool.id, row.id), eq(subnetPool.revision, row.revision))), 'stale')
  ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'subnetpool'))))
  rows(subnetPool).remove(ctx, row)
}

const length = t.Union([t.Integer({ minimum: 0, maximum: 128 }), t.String({ pattern: '^\\d{1,3}$' })])
const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const prefixes = t.Array(t.String({ maxLength: 64 }), { minItems: 1, maxItems: 100 })
const current = (id: string) => sql`select address_scope from subnet_pool where id = ${id}`
export const poolResource: Resource = {
  name: 'subnetpool', plural: 'subnetpools', path: '/subnetpools', table: subnetPool, view, sort: [['id', 'asc']], visible: visiblePools, faultType: 'SubnetPoolNotFound', noun: 'subnet pool',
  fields: {
    ...standardFields,
    prefixes: field(prefixes, 'create update required'),
    ip_version: field(t.Integer(), 'filter sort', 'version'),
    min_prefixlen: field(length, 'create update filter', 'minPrefix'), max_prefixlen: field(length, 'create update filter', 'maxPrefix'), default_prefixlen: field(length, 'create update filter', 'defaultPrefix'),
    default_quota: field(nullable(t.Integer({ minimum: 0 })), 'create update filter', 'defaultQuota'),
    shared: field(t.Boolean(), 'create filter'), is_default: field(t.Boolean(), 'create update filter', 'isDefault'),
    address_scope_id: field(nullable(t.String({ maxLength: 36 })), 'create update filter', 'addressScope'),
  },
  filterNames: tagFilterNames,
  filters: (_ctx, query) => tagFilters(query, sql`${subnetPool.tags}`),
  joins: {
    update: (ctx, id, change) => [...scopeReads(ctx, change.addressScope, id),
      q.select().from(addressScope).where(sql`${addressScope.id} = (${current(id)})`), q.select({ id: subnetPool.id, prefixes: subnetPool.prefixes }).from(subnetPool).where(and(sql`${subnetPool.addressScope} = (${current(id)})`, ne(subnetPool.id, id))),
      defaultsOf(sql`select version from subnet_pool where id = ${id}`)] as unknown as Query[],
    remove: (_ctx, id) => [q.select({ id: subnet.id }).from(subnet).where(eq(subnet.pool, id)).limit(1)],
  },
  verbs: { create, update, remove },
}
export const subnetPools = resource(style, poolResource)

/** `{prefixes: [...]}` added to or taken from a pool; what subnets hold stays. */
const prefixOps = (['add', 'remove'] as const).map((verb) => endpoint({
  id: `subnetpools.${verb}_prefixes`, method: 'PUT', path: `/subnetpools/{id}/${verb}_prefixes`, status: 200, policy: 'update_subnetpool', summary: `${verb === 'add' ? 'Add prefixes to' : 'Take prefixes from'} a subnet pool`,
  body: { '2.0': t.Object({ prefixes }, { additionalProperties: false }) },
  async handle(ctx, { params, body }) {
    const [found, scopes, others, used] = await ctx.read(rowQuery(poolResource, ctx, params.id) as unknown as Query,
      q.select().from(addressScope).where(sql`${addressScope.id} = (${current(params.id)})`), q.select({ id: subnetPool.id, prefixes: subnetPool.prefixes }).from(subnetPool).where(and(sql`${subnetPool.addressScope} = (${current(params.id)})`, ne(subnetPool.id, params.id))),
      q.select({ cidr: subnet.cidr }).from(subnet).where(eq(subnet.pool, params.id))) as unknown as [unknown[], any[], any[], { cidr: string }[]]
    const row = theRow(poolResource, found, ctx, params.id, 'update_subnetpool')
    const given = compact(body.prefixes)
    if (given.version !== row.version) throw fault('The prefixes are of another IP version than the pool.', 'PrefixVersionMismatch')
    const next = verb === 'add' ? compact([...row.prefixes, ...given.prefixes]).prefixes : without(row.prefixes, given.prefixes)
    if (verb === 'remove') for (const s of used) if (given.prefixes.some((g) => overlaps(cidrOf(g), cidrOf(s.cidr)))) throw conflict(`Cannot remove prefixes ${given.prefixes.join(', ')} from the subnet pool: subnets are allocated from them.`, { type: 'IllegalSubnetPoolPrefixUpdate' })
    if (!next.length) throw fault('A subnet pool must keep at least one prefix.', 'IllegalSubnetPoolUpdate')
    checkScope(ctx, { ...row, prefixes: next } as Pool, scopes, others)
    return { prefixes: rows(subnetPool).update(ctx, row, { prefixes: next }).prefixes }
  },
}))

/** Prefixes without parts of them, again as prefixes. */
function without(have: string[], less: string[]): string[] {
  const cut = less.map(cidrOf)
  const split = (c: Cidr): Cidr[] => {
    const hit = cut.find((x) => overlaps(x, c))
    if (!hit) return [c]
    if (hit.first <= c.first && hit.last >= c.last) return []
    const half = c.prefix + 1
    return [cidrOf(`${toAddress(c.first, c.version)}/${half}`), cidrOf(`${toAddress(c.first + (c.last - c.first + 1n) / 2n, c.version)}/${half}`)].flatMap(split)
  }
  const left = have.map(cidrOf).flatMap(split)
  return left.length ? compact(left.map((c) => c.text)).prefixes : []
}

/** Subnets that came from nowhere become a pool's: the pool grows by their CIDRs. */
const onboard = endpoint({
  id: 'subnetpools.onboard', method: 'PUT', path: '/subnetpools/{id}/onboard_network_subnets', status: 200, policy: 'update_subnetpool', summary: "Adopt a network's subnets into a subnet pool",
  body: { '2.0': t.Object({ network_id: t.String({ maxLength: 36 }), ip_version: t.Enum([4, 6]) }, { additionalProperties: false }) },
  async handle(ctx, { params, body }) {
    const [found, [net], subnets] = await ctx.read(rowQuery(poolResource, ctx, params.id) as unknown as Query,
      q.select().from(network).where(and(eq(network.id, body.network_id), ctx.caller.admin ? undefined : eq(network.project, ctx.project))),
      q.select().from(subnet).where(and(eq(subnet.network, body.network_id), eq(subnet.version, body.ip_version)))) as unknown as [unknown[], Row[], (typeof subnet.$inferSelect)[]]
    const row = theRow(poolResource, found, ctx, params.id, 'update_subnetpool')
    if (!net) throw notFound('network', body.network_id, undefined, { type: 'NetworkNotFound' })
    if (row.version !== body.ip_version) throw fault('The subnets are of another IP version than the pool.', 'PrefixVersionMismatch')
    if (subnets.some((s) => s.pool)) throw conflict(`Failed to onboard network subnets: a subnet of network ${net.id} belongs to a subnet pool already.`, { type: 'NetworkSubnetsOnboardingError' })
    if (!subnets.length) throw fault(`Network ${net.id} has no IPv${body.ip_version} subnets.`, 'NetworkSubnetsOnboardingError')
    rows(subnetPool).update(ctx, row, { prefixes: compact([...row.prefixes, ...subnets.map((s) => s.cidr)]).prefixes })
    ctx.stage(q.update(subnet).set({ pool: row.id, revision: sql`${subnet.revision} + 1`, updatedAt: ctx.now() }).where(inArray(subnet.id, subnets.map((s) => s.id))), 'stale')
    return { subnetpool: view(row), cidrs: subnets.map((s) => s.cidr) }
  },
})
export const poolActions = [...prefixOps, onboard]
