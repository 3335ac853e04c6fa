import { eq, sql } from 'drizzle-orm'
import { Type as t, type TSchema } from 'typebox'
import { bgpvpnAssociation, routerInterface, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import type { Endpoint } from '../../kernel/endpoint.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { cidrOf, overlaps, readCidr } from '../addresses.ts'
import { networkResource } from '../networks/api.ts'
import { portResource } from '../ports/api.ts'
import { routerResource } from '../routers/api.ts'
import { endpoint, type rules } from '../service.ts'
import { associationsOf, bgpvpnResource, touchBgpvpns } from './api.ts'

type Association = typeof bgpvpnAssociation.$inferSelect
interface Kind {
  name: 'network' | 'router' | 'port'
  of: Resource
  short: string
  /** What may be said of it, and changed. */
  fields: Record<string, TSchema>
  is: (a: Association) => boolean
  view: (a: Association) => Row
  read: (values: Row) => Partial<Association>
}
const closed = { additionalProperties: false } as const
const id = t.String({ maxLength: 36 }), text = t.Optional(t.String({ maxLength: 255 }))
const preference = t.Optional(t.Union([t.Integer({ minimum: 0, maximum: 4294967295 }), t.Null()]))
const prefixes = t.Array(t.Object({ type: t.Enum(['prefix', 'bgpvpn']), prefix: t.Optional(t.String({ maxLength: 64 })), bgpvpn_id: t.Optional(id), local_pref: preference }, closed), { maxItems: 100 })

const hostsOwn = cidrOf('169.254.0.0/16')
function readRoutes(list: Row[]): Association['routes'] {
  const seen = new Set<string>()
  return list.map((r) => {
    if (r.type !== 'prefix') throw invalid('Invalid input for routes. Reason: routes of type bgpvpn are not supported; give the prefixes themselves.')
    const prefix = readCidr(r.prefix, 'routes')
    if (overlaps(prefix, hostsOwn) && prefix.prefix >= hostsOwn.prefix) throw invalid(`Invalid input for routes. Reason: '${prefix.text}' is link-local.`)
    if (seen.has(prefix.text)) throw invalid(`Invalid input for routes. Reason: '${prefix.text}' is given twice.`)
    seen.add(prefix.text)
    return { type: 'prefix' as const, prefix: prefix.text, local_pref: r.local_pref ?? null }
  })
}

const kinds: Kind[] = [
  { name: 'network', of: networkResource, short: 'Net', fields: {}, is: (a) => a.network !== null && a.port === null, view: (a) => ({ network_id: a.network }), read: () => ({}) },
  { name: 'router', of: routerResource, short: 'Router', fields: { advertise_extra_routes: t.Boolean() }, is: (a) => a.router !== null, view: (a) => ({ router_id: a.router, advertise_extra_routes: a.advertise }),
    read: (v) => (v.advertise_extra_routes === undefined ? {} : { advertise: v.advertise_extra_routes }) },
  { name: 'port', of: portResource, short: 'Port', fields: { advertise_fixed_ips: t.Boolean(), routes: prefixes }, is: (a) => a.port !== null, view: (a) => ({ port_id: a.port, advertise_fixed_ips: a.advertise, routes: a.routes }),
    read: (v) => ({ ...(v.advertise_fixed_ips === undefined ? {} : { advertise: v.advertise_fixed_ips }), ...(v.routes === undefined ? {} : { routes: readRoutes(v.routes) }) }) },
]
for (const k of kinds) onDuplicate(`bgpvpn_association.${k.name}, bgpvpn_association.bgpvpn`, () => invalid(`${k.name} is already associated to this BGPVPN`, { type: `BGPVPN${k.short}AssocAlreadyExists` }))

const optional = (fields: Record<string, TSchema>) => Object.fromEntries(Object.entries(fields).map(([n, s]) => [n, t.Optional(s)]))

/** The legs of a router, or on a network, and what of both is associated already, in whichever BGP VPN. */
const legsBeside = (k: Kind, thing: string) => q.select({ router: routerInterface.router, network: subnet.network,
  ofRouter: sql<string | null>`(select a.bgpvpn from bgpvpn_association a where a.router = ${routerInterface.router} limit 1)`.as('of_router'),
  ofNetwork: sql<string | null>`(select a.bgpvpn from bgpvpn_association a where a.network = ${subnet.network} and a.port is null limit 1)`.as('of_network'),
}).from(routerInterface).innerJoin(subnet, eq(subnet.id, routerInterface.subnet)).where(k.name === 'router' ? eq(routerInterface.router, thing) : eq(subnet.network, thing))
type LegRow = { router: string; network: string; ofRouter: string | null; ofNetwork: string | null }

/** A network and a router on it take part in one way, not in both. */
function checkAround(k: Kind, thing: Row, legs: LegRow[]) {
  const both = k.name === 'router' ? legs.find((l) => l.ofNetwork) : k.name === 'network' ? legs.find((l) => l.ofRouter) : undefined
  if (both) throw invalid(k.name === 'router' ? `router ${thing.id} has an attached network ${both.network} which is already associated to bgpvpn(s) ${both.ofNetwork}` : `Network ${thing.id} is linked to a router which is already associated to bgpvpn(s) ${both.ofRouter}`, { type: 'BadRequest' })
}
const notAuthorized = (why: string) => forbidden(`Not authorized: ${why}.`, { type: 'NotAuthorized' })

function associations(k: Kind): Endpoint[] {
  const key = `${k.name}_association`, plural = `${key}s`, at = `/bgpvpn/bgpvpns/{bgpvpn}/${plural}`, thingId = `${k.name}_id`
  const rule = (verb: 'create' | 'get' | 'update' | 'delete') => `${verb}_bgpvpn_${k.name}_association` as keyof typeof rules
  const shown = (a: Association, vpn: Row) => ({ id: a.id, tenant_id: vpn.project, project_id: vpn.project, bgpvpn_id: vpn.id, ...k.view(a) })
  const reads = async (ctx: Ctx, of: string) => await ctx.read(rowQuery(bgpvpnResource, ctx, of) as Query, associationsOf(of)) as unknown as [Row[], Association[]]
  const around = async (ctx: Ctx, of: string, verb: 'get' | 'update' | 'delete') => {
    const [found, all] = await reads(ctx, of)
    const vpn = theRow(bgpvpnResource, found, ctx, of, rule(verb)), list = all.filter(k.is)
    return { vpn, list, one(id: string) {
      const a = list.find((x) => x.id === id)
      if (!a) throw notFound(key, id, `BGPVPN ${k.name} association ${id} could not be found for BGPVPN ${of}`, { type: `BGPVPN${k.short}AssocNotFound` })
      return a
    } }
  }
  const e = (verb: 'create' | 'get' | 'update' | 'delete', name: string, more: Omit<Endpoint, 'id' | 'policy'>): Endpoint => endpoint({ ...more, id: `bgpvpns.${plural}.${name}`, policy: rule(verb) })
  return [
    e('get', 'list', { method: 'GET', path: at, status: 200, summary: `List the ${k.name} associations of a BGP VPN`, async handle(ctx, { params, query }) {
      const [[vpn], all] = await reads(ctx, params.bgpvpn), asked = ['id', 'tenant_id', 'project_id', thingId].filter((n) => query.has(n))
      // Of one that is not there, or not the caller's, there are none: as of ports of a network.
      return { [plural]: (vpn ? all.filter(k.is) : []).map((a) => shown(a, vpn)).filter((a) => asked.every((n) => query.getAll(n).includes(String((a as Row)[n])))) }
    } }),
    e('create', 'create', { method: 'POST', path: at, status: 201, summary: `Have a ${k.name} take part in a BGP VPN`,
      body: { '2.0': t.Object({ [key]: t.Object({ [thingId]: id, ...optional(k.fields), tenant_id: text, project_id: text }, closed) }, closed) },
      async handle(ctx, { params, body }) {
        const asked = (body as Row)[key] as Row, wanted = asked[thingId] as string
        const [found, things, legs] = await ctx.read(rowQuery(bgpvpnResource, ctx, params.bgpvpn) as Query, rowQuery(k.of, ctx, wanted) as Query, legsBeside(k, wanted)) as unknown as [unknown[], Row[], LegRow[]]
        const vpn = theRow(bgpvpnResource, found, ctx, params.bgpvpn, rule('create')), thing = theRow(k.of, things, ctx, wanted, `get_${k.name}`)
        if (thing.project !== vpn.project) throw notAuthorized(`${k.name} doesn't belong to the bgpvpn owner`)
        if ((asked.project_id ?? asked.tenant_id ?? ctx.caller.project?.id) !== vpn.project) throw notAuthorized(`${k.name} association and bgpvpn should belong to the same tenant`)
        checkAround(k, thing, legs)
        const row: Association = { id: ctx.uuid(), bgpvpn: vpn.id, router: null, network: null, port: null, advertise: true, routes: [], createdAt: ctx.now(), ...k.read(asked), [k.name]: thing.id, ...(k.name === 'port' ? { network: thing.network } : {}) }
        ctx.stage(q.insert(bgpvpnAssociation).values(row))
        touchBgpvpns(ctx, [vpn.id])
        ctx.about(row.id)
        return { [key]: shown(row, vpn) }
      } }),
    e('get', 'show', { method: 'GET', path: `${at}/{id}`, status: 200, summary: `Show a ${k.name} association of a BGP VPN`, async handle(ctx, { params }) {
      const { vpn, one } = await around(ctx, params.bgpvpn, 'get')
      return { [key]: shown(one(params.id), vpn) }
    } }),
    ...(Object.keys(k.fields).length ? [e('update', 'update', { method: 'PUT', path: `${at}/{id}`, status: 200, summary: `Change what a ${k.name} tells a BGP VPN`, body: { '2.0': t.Object({ [key]: t.Object(optional(k.fields), closed) }, closed) },
      async handle(ctx, { params, body }) {
        const { vpn, one } = await around(ctx, params.bgpvpn, 'update'), now = one(params.id), change = k.read((body as Row)[key])
        if (Object.keys(change).length) ctx.stage(q.update(bgpvpnAssociation).set(change).where(eq(bgpvpnAssociation.id, now.id)), 'stale')
        touchBgpvpns(ctx, [vpn.id])
        return { [key]: shown({ ...now, ...change }, vpn) }
      } })] : []),
    e('delete', 'delete', { method: 'DELETE', path: `${at}/{id}`, status: 204, summary: `Have a ${k.name} take part in a BGP VPN no more`, async handle(ctx, { params }) {
      const { vpn, one } = await around(ctx, params.bgpvpn, 'delete'), now = one(params.id)
      touchBgpvpns(ctx, [vpn.id])
      ctx.stage(q.delete(bgpvpnAssociation).where(eq(bgpvpnAssociation.id, now.id)), 'stale')
    } }),
  ]
}
export const bgpvpnAssociations = kinds.flatMap(associations)
