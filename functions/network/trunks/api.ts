import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { network, port, subPort, trunk } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { lackingOne } from '../networks/physical.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { endpoint, style } from '../service.ts'
import { adminUp, standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { listed, touch } from '../touch.ts'

const inUse = (id: string, parent: boolean, of: string) => conflict(`Port ${id} is currently a ${parent ? 'parent port' : 'subport'} for trunk ${of}.`, { type: parent ? 'PortInUseAsTrunkParent' : 'PortInUseAsSubPort' })
onDuplicate('trunk.port', () => conflict('The port is currently a parent port for a trunk.', { type: 'PortInUseAsTrunkParent' }))
onDuplicate('sub_port.port', () => conflict('The port is currently a subport for a trunk.', { type: 'PortInUseAsSubPort' }))
onDuplicate('sub_port.trunk, sub_port.segmentation_id', () => conflict('segmentation_type vlan and segmentation_id already in use on trunk.', { type: 'DuplicateSubPort' }))

interface Asked { port_id: string; segmentation_type?: string; segmentation_id?: number }
const closed = { additionalProperties: false } as const
const id = t.String({ maxLength: 36 })
const asked = t.Object({ port_id: id, segmentation_type: t.Optional(t.Enum(['vlan', 'inherit'])), segmentation_id: t.Optional(t.Integer({ minimum: 1, maximum: 4094 })) }, closed)
const subPorts = t.Array(asked, { maxItems: 512 })

const extras = {
  subs: sql<string>`(select json_group_array(json_object('port_id', s.port, 'segmentation_type', s.segmentation_type, 'segmentation_id', s.segmentation_id)) from (select * from sub_port where trunk = ${full(trunk.id)} order by segmentation_id) s)`.as('subs'),
  parentStatus: sql<string>`(select p.status from port p where p.id = ${full(trunk.port)})`.as('parent_status'),
  waiting: sql<number>`(select count(*) from sub_port s join port p on p.id = s.port where s.trunk = ${full(trunk.id)} and p.status <> 'ACTIVE' and p.admin_up)`.as('waiting'),
}
const subsOf = (r: Row): Asked[] => (typeof r.subs === 'string' ? JSON.parse(r.subs) : r.subs ?? [])
/** What hosts show: DEGRADED while some sub-port is not carried where its trunk is. */
const statusOf = (r: Row) => (!r.adminUp || r.parentStatus !== 'ACTIVE' ? 'DOWN' : r.waiting ? 'DEGRADED' : 'ACTIVE')
const view = (r: Row) => ({ ...standardView(r), port_id: r.port, admin_state_up: r.adminUp, status: statusOf(r), sub_ports: subsOf(r) })

/** Ports as trunks need to know them: whose, where, and what they are in already. */
const portsQuery = (ctx: Ctx, ids: string[], parent: SQL) => q.select({
  id: port.id, project: port.project, device: port.device, deviceOwner: port.deviceOwner, host: port.host, segment: network.segment, providerType: network.providerType,
  lacking: lackingOne(sql`(select p.host from port p where p.id = ${parent})`, full(port.network)).as('lacking'),
  parentOf: sql<string | null>`(select t.id from trunk t where t.port = ${full(port.id)})`.as('parent_of'), subOf: sql<string | null>`(select s.trunk from sub_port s where s.port = ${full(port.id)})`.as('sub_of'),
}).from(port).innerJoin(network, eq(network.id, port.network)).where(and(inArray(port.id, ids.length ? ids : ['']), ctx.caller.admin ? undefined : eq(port.project, ctx.project)))
type PortRow = { id: string; project: string; device: string; deviceOwner: string; host: string | null; segment: number | null; providerType: string; /** A physical network that the trunk's host does not lead to. */ lacking: string | null; parentOf: string | null; subOf: string | null }

function one(found: PortRow[], id: string): PortRow {
  const p = found.find((x) => x.id === id)
  if (!p) throw notFound('port', id, undefined, { type: 'PortNotFound' })
  if (p.parentOf) throw inUse(id, true, p.parentOf)
  if (p.subOf) throw inUse(id, false, p.subOf)
  return p
}

/** Checks and stages sub-ports; they become part of the trunk's port by triggers. */
function join(ctx: Ctx, row: { id: string; port: string }, list: Asked[], have: Asked[], found: PortRow[]): Asked[] {
  const seen = new Map(have.map((s) => [s.segmentation_id, s.port_id]))
  const made = list.map((s) => {
    if (s.port_id === row.port || list.filter((x) => x.port_id === s.port_id).length > 1) throw conflict(`Port ${s.port_id} is given twice in trunk ${row.id}.`, { type: 'DuplicateSubPort' })
    const p = one(found, s.port_id)
    if (p.device || p.deviceOwner) throw conflict(`Port ${p.id} is currently in use and is not eligible for use as a subport.`, { type: 'PortInUse' })
    if (p.lacking) throw conflict(`Port ${p.id} cannot be bound: the host of trunk ${row.id} does not lead to physical network ${p.lacking}.`, { type: 'PortBindingError' })
    const inherited = s.segmentation_type === 'inherit'
    if (inherited && p.providerType !== 'vlan') throw invalid(`Bad trunk request: segmentation details of port ${p.id} cannot be inherited from its network.`, { type: 'TrunkInvalidSegmentation' })
    const tag = inherited ? p.segment : s.segmentation_id
    if (!tag || (!inherited && s.segmentation_type === undefined)) throw invalid(`Invalid input for operation: Invalid segmentation details for port ${p.id}: segmentation_type and segmentation_id are required.`, { type: 'InvalidInput' })
    if (seen.has(tag)) throw conflict(`segmentation_type vlan and segmentation_id ${tag} already in use on trunk ${row.id}, port ${seen.get(tag)}.`, { type: 'DuplicateSubPort' })
    seen.set(tag, p.id)
    return { port_id: p.id, segmentation_type: 'vlan', segmentation_id: tag }
  })
  if (made.length) ctx.stage(q.insert(subPort).values(made.map((s) => ({ trunk: row.id, port: s.port_id, segmentationType: s.segmentation_type, segmentationId: s.segmentation_id }))))
  return made
}
/** Hosts that see a trunk's ports. What leaves is touched before it goes, what comes after it came. */
const around = (ctx: Ctx, ports: string[]) => (ports.length ? touch(ctx, { ports: listed(ports), hostsOf: sql`select host from port where id in (${listed(ports)}) and host is not null` }) : undefined)
const enabled = (row: Row) => { if (!row.adminUp) throw conflict(`Trunk ${row.id} is currently disabled.`, { type: 'TrunkDisabled' }) }

async function create(ctx: Ctx, { subs, ...values }: Row): Promise<Row> {
  const list = (subs ?? []) as Asked[], base = standardRow(ctx, values)
  const [found, quota] = await ctx.read(portsQuery(ctx, [values.port, ...list.map((s) => s.port_id)], sql`${values.port}`), quotaQuery(base.project, ['trunk']))
  const parent = one(found as PortRow[], values.port)
  if (parent.deviceOwner.startsWith('network:')) throw conflict(`Port ${parent.id} is currently in use and is not eligible for use as a parent port.`, { type: 'ParentPortInUse' })
  const row = { adminUp: true, ...base, port: parent.id }
  ctx.stage(q.insert(trunk).values(row))
  const made = join(ctx, row, list, [], found as PortRow[])
  withinQuota(ctx, base.project, quota as unknown as unknown[], { trunk: 1 })
  around(ctx, [parent.id, ...made.map((s) => s.port_id)])
  return { ...row, subs: made, parentStatus: 'DOWN' }
}

export const trunkResource: Resource = {
  name: 'trunk', plural: 'trunks', path: '/trunks', table: trunk, view, extras, sort: [['id', 'asc']],
  fields: { ...standardFields, admin_state_up: adminUp, port_id: field(id, 'create filter sort required', 'port'), sub_ports: field(subPorts, 'create', 'subs') },
  filterNames: [...tagFilterNames, 'status'],
  filters: (_ctx, query) => [...tagFilters(query, sql`${trunk.tags}`), query.has('status') ? sql`case when not ${trunk.adminUp} or (select p.status from port p where p.id = ${full(trunk.port)}) <> 'ACTIVE' then 'DOWN'
    when exists (select 1 from sub_port s join port p on p.id = s.port where s.trunk = ${full(trunk.id)} and p.status <> 'ACTIVE' and p.admin_up) then 'DEGRADED' else 'ACTIVE' end in (select value from json_each(${JSON.stringify(query.getAll('status'))}))` : undefined],
  verbs: {
    create,
    update(ctx, row, change) {
      if (change.adminUp !== undefined && change.adminUp !== row.adminUp) around(ctx, [row.port, ...subsOf(row).map((s) => s.port_id)])
      return rows(trunk).update(ctx, row, change)
    },
    remove(ctx, row) {
      around(ctx, [row.port, ...subsOf(row).map((s) => s.port_id)])
      rows(trunk).remove(ctx, row)
    },
  },
}
export const trunks = resource(style, trunkResource)

const find = async (ctx: Ctx, id: string, rule: string, ports: string[] = []) => {
  const [found, known] = await ctx.read(rowQuery(trunkResource, ctx, id) as Query, portsQuery(ctx, ports, sql`(select port from trunk where id = ${id})`)) as unknown as [unknown[], PortRow[]]
  return { row: theRow(trunkResource, found, ctx, id, rule), known }
}
const body = { '2.0': t.Object({ sub_ports: subPorts }, closed) }
const bare = { '2.0': t.Object({ sub_ports: t.Array(t.Object({ port_id: id, segmentation_type: t.Optional(t.String()), segmentation_id: t.Optional(t.Integer()) }, closed), { maxItems: 512 }) }, closed) }
export const trunkActions = [
  endpoint({
    id: 'trunks.get_subports', method: 'GET', path: '/trunks/{id}/get_subports', status: 200, policy: 'get_trunk', summary: 'Sub-ports of a trunk',
    async handle(ctx, { params }) { return { sub_ports: subsOf((await find(ctx, params.id, 'get_trunk')).row) } },
  }),
  endpoint({
    id: 'trunks.add_subports', method: 'PUT', path: '/trunks/{id}/add_subports', status: 200, policy: 'update_trunk', summary: 'Add sub-ports to a trunk', body,
    async handle(ctx, { params, body }) {
      const { row, known } = await find(ctx, params.id, 'update_trunk', body.sub_ports.map((s) => s.port_id))
      enabled(row)
      const have = subsOf(row), made = join(ctx, row as { id: string; port: string }, body.sub_ports as Asked[], have, known)
      const out = rows(trunk).update(ctx, row, {})
      around(ctx, made.map((s) => s.port_id))
      return view({ ...out, subs: [...have, ...made], waiting: row.waiting + made.length })
    },
  }),
  endpoint({
    id: 'trunks.remove_subports', method: 'PUT', path: '/trunks/{id}/remove_subports', status: 200, policy: 'update_trunk', summary: 'Take sub-ports out of a trunk', body: bare,
    async handle(ctx, { params, body }) {
      const { row } = await find(ctx, params.id, 'update_trunk')
      enabled(row)
      const have = subsOf(row), gone = body.sub_ports.map((s) => s.port_id)
      for (const id of gone) if (!have.some((s) => s.port_id === id)) throw notFound('subport', id, `SubPort on trunk ${row.id} with parent port ${id} could not be found.`, { type: 'SubPortNotFound' })
      around(ctx, gone)
      if (gone.length) ctx.stage(q.delete(subPort).where(and(eq(subPort.trunk, row.id), inArray(subPort.port, gone))))
      return view({ ...rows(trunk).update(ctx, row, {}), subs: have.filter((s) => !gone.includes(s.port_id)) })
    },
  }),
]
