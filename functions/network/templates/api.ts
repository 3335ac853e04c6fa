import { Type as t } from 'typebox'
import { addressGroup, defaultGroupRule, securityGroup } from '../../../schema/network.ts'
import { eq } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource } from '../../kernel/resource.ts'
import { wireProtocol } from '../security/protocols.ts'
import { readRule } from '../security/read-rule.ts'
import { style } from '../service.ts'
import { standardFields } from '../standard.ts'

const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const number = nullable(t.Union([t.Integer(), t.String({ maxLength: 8 })])), id = nullable(t.String({ maxLength: 36 }))
const PARENT = 'PARENT'

/** What new security groups begin with: rules as templates, for default groups, for others, or both. */
export const templateResource: Resource = {
  name: 'default_security_group_rule', plural: 'default_security_group_rules', path: '/default-security-group-rules', table: defaultGroupRule, sort: [['id', 'asc']], faultType: 'DefaultSecurityGroupRuleNotFound', visible: () => undefined,
  view: (r) => ({ id: r.id, description: r.description, direction: r.direction, ethertype: r.ethertype, protocol: r.protocol, port_range_min: r.portMin, port_range_max: r.portMax, remote_ip_prefix: r.remoteIp, remote_group_id: r.remoteGroup, remote_address_group_id: r.remoteAddressGroup, used_in_default_sg: r.inDefault, used_in_non_default_sg: r.inOthers }),
  fields: {
    id: standardFields.id, description: field(t.String({ maxLength: 255 }), 'create filter sort'), direction: field(t.Enum(['ingress', 'egress']), 'create filter sort required'), ethertype: field(nullable(t.String({ pattern: '^[Ii][Pp][Vv][46]$' })), 'create filter sort'),
    protocol: field(nullable(t.Union([t.Integer(), t.String({ maxLength: 40 })])), 'create filter sort'), port_range_min: field(number, 'create filter sort', 'portMin'), port_range_max: field(number, 'create filter sort', 'portMax'), remote_ip_prefix: field(nullable(t.String({ maxLength: 64 })), 'create filter sort', 'remoteIp'),
    remote_group_id: field(id, 'create filter sort', 'remoteGroup'), remote_address_group_id: field(id, 'create filter sort', 'remoteAddressGroup'), used_in_default_sg: field(t.Boolean(), 'create filter sort', 'inDefault'), used_in_non_default_sg: field(t.Boolean(), 'create filter sort', 'inOthers'),
  },
  verbs: {
    async create(ctx, values) {
      const r = readRule(values)
      const row = { ...r, id: ctx.uuid(), description: (values.description ?? '') as string, inDefault: (values.inDefault ?? false) as boolean, inOthers: (values.inOthers ?? true) as boolean,
        before: [r.direction, r.ethertype, wireProtocol(r.protocol, r.ethertype === 'IPv6' ? 6 : 4) ?? '', r.portMin ?? '', r.portMax ?? '', r.remoteIp ?? '', ''].join('|'), after: `|${r.remoteAddressGroup ?? ''}` }
      const [have, groups, sets] = await ctx.read(q.select().from(defaultGroupRule), q.select({ id: securityGroup.id }).from(securityGroup).where(eq(securityGroup.id, r.remoteGroup ?? '')), q.select({ id: addressGroup.id }).from(addressGroup).where(eq(addressGroup.id, r.remoteAddressGroup ?? '')))
      if (r.remoteGroup && r.remoteGroup !== PARENT && !groups.length) throw notFound('security group', r.remoteGroup, `Security group ${r.remoteGroup} does not exist`, { type: 'SecurityGroupNotFound' })
      if (r.remoteAddressGroup && !sets.length) throw notFound('address group', r.remoteAddressGroup, undefined, { type: 'AddressGroupNotFound' })
      const same = have.find((o) => o.before === row.before && o.remoteGroup === row.remoteGroup && o.after === row.after && (o.inDefault && row.inDefault || o.inOthers && row.inOthers))
      if (same) throw conflict(`Default security group rule already exists. Rule id is ${same.id}.`, { type: 'DefaultSecurityGroupRuleExists' })
      ctx.stage(q.insert(defaultGroupRule).values(row))
      return row
    },
    remove: (ctx, row) => rows(defaultGroupRule).remove(ctx, row),
  },
}
export const templates = resource(style, templateResource)
