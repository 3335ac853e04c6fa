import { eq, inArray, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { meteringLabel, meteringRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { cidrOf, overlaps, readCidr } from '../addresses.ts'
import { style } from '../service.ts'
import { standardFields, standardRow } from '../standard.ts'
import { touch } from '../touch.ts'

/** Routers that count for these labels: those of the label's project, or all when it is shared. */
const touchCounting = (ctx: Ctx, label: string) => touch(ctx, { routers: sql`select r.id from metering_label l join router r on (l.shared or r.project = l.project) where l.id = ${label}` })
const sum = (column: string) => sql<number>`(select coalesce(sum(c.${sql.raw(column)}), 0) from metering_count c where c.label = ${full(meteringLabel.id)})`.as(column)

export const labelResource: Resource = {
  name: 'metering_label', plural: 'metering_labels', path: '/metering/metering-labels', table: meteringLabel, sort: [['id', 'asc']], faultType: 'MeteringLabelNotFound',
  visible: (ctx) => (ctx.caller.admin ? undefined : or(eq(meteringLabel.project, ctx.project), eq(meteringLabel.shared, true))),
  extras: { packets: sum('packets'), bytes: sum('bytes') },
  view: (r) => ({ id: r.id, name: r.name, description: r.description, shared: r.shared, tenant_id: r.project, project_id: r.project, packets: Number(r.packets ?? 0), bytes: Number(r.bytes ?? 0) }),
  fields: { id: standardFields.id, name: standardFields.name, description: standardFields.description, tenant_id: standardFields.tenant_id, project_id: standardFields.project_id, shared: field(t.Boolean(), 'create filter sort') },
  verbs: {
    create(ctx, values) {
      const row = { shared: false, ...standardRow(ctx, values) }
      ctx.stage(q.insert(meteringLabel).values(row))
      touchCounting(ctx, row.id)
      return row
    },
    remove(ctx, row) {
      touchCounting(ctx, row.id)
      rows(meteringLabel).remove(ctx, row)
    },
  },
}

const prefix = t.Union([t.String({ maxLength: 64 }), t.Null()])
const labels = (ctx: Ctx) => q.select({ id: meteringLabel.id }).from(meteringLabel).where(labelResource.visible!(ctx))
/** What a rule is about: traffic of one direction, by the address inside (`remote`, its old name) or by either end. */
function read(values: Row) {
  const [remote, source, destination] = [['remote', 'remote_ip_prefix'], ['source', 'source_ip_prefix'], ['destination', 'destination_ip_prefix']].map(([k, name]) => (values[k] ? readCidr(String(values[k]).includes('/') ? values[k] : `${values[k]}/${String(values[k]).includes(':') ? 128 : 32}`, name).text : null))
  if (remote && (source || destination)) throw invalid('Cannot use remote-ip-prefix in conjunction with source-ip-prefix or destination-ip-prefix parameters.', { type: 'Invalid' })
  if (!remote && !source && !destination) throw invalid('You must define at least one of the following parameters: source_ip_prefix, destination_ip_prefix.', { type: 'Invalid' })
  if (source && destination && cidrOf(source).version !== cidrOf(destination).version) throw invalid('Invalid input for destination_ip_prefix. Reason: it is of another IP version than source_ip_prefix.')
  return { remote, source, destination }
}
export const meteringRuleResource: Resource = {
  name: 'metering_label_rule', plural: 'metering_label_rules', path: '/metering/metering-label-rules', table: meteringRule, sort: [['id', 'asc']], faultType: 'MeteringLabelRuleNotFound',
  visible: (ctx) => (ctx.caller.admin ? undefined : inArray(meteringRule.label, labels(ctx))),
  view: (r) => ({ id: r.id, metering_label_id: r.label, direction: r.direction, excluded: r.excluded, remote_ip_prefix: r.remote, source_ip_prefix: r.source, destination_ip_prefix: r.destination }),
  fields: {
    id: standardFields.id, metering_label_id: field(t.String({ maxLength: 36 }), 'create filter sort required', 'label'), direction: field(t.Enum(['ingress', 'egress']), 'create filter sort'), excluded: field(t.Boolean(), 'create filter sort'),
    remote_ip_prefix: field(prefix, 'create filter sort', 'remote'), source_ip_prefix: field(prefix, 'create filter sort', 'source'), destination_ip_prefix: field(prefix, 'create filter sort', 'destination'),
    tenant_id: field(t.String({ maxLength: 255 }), 'create', 'project'), project_id: field(t.String({ maxLength: 255 }), 'create', 'project'),
  },
  verbs: {
    async create(ctx, values) {
      const row = { id: ctx.uuid(), label: values.label as string, direction: (values.direction ?? 'ingress') as 'ingress' | 'egress', excluded: values.excluded ?? false, ...read(values) }
      const [found, others] = await ctx.read(rowQuery(labelResource, ctx, row.label), q.select().from(meteringRule).where(eq(meteringRule.label, row.label)))
      if (!found.length) throw notFound('metering label', row.label, undefined, { type: 'MeteringLabelNotFound' })
      theRow(labelResource, found, ctx, row.label, 'create_metering_label_rule')
      const over = row.remote && others.find((o) => o.direction === row.direction && o.excluded === row.excluded && o.remote && overlaps(cidrOf(o.remote), cidrOf(row.remote!)))
      if (over) throw conflict(`Metering label rule with remote_ip_prefix '${row.remote}' overlaps another.`, { type: 'MeteringLabelRuleOverlaps' })
      ctx.stage(q.insert(meteringRule).values(row))
      touchCounting(ctx, row.label)
      return row
    },
    remove(ctx, row) {
      touchCounting(ctx, row.label)
      rows(meteringRule).remove(ctx, row)
    },
  },
}
export const metering = [...resource(style, labelResource), ...resource(style, meteringRuleResource)]
