import { sql } from 'drizzle-orm'
import { securityGroup } from '../../../schema/network.ts'
import { full } from '../../kernel/db.ts'
import type { Row } from '../../kernel/resource.ts'
import { parsed } from '../ports/view.ts'
import { standardView } from '../standard.ts'

export const ruleView = (r: Row) => ({
  ...standardView(r), name: undefined, security_group_id: r.securityGroup, direction: r.direction, ethertype: r.ethertype, protocol: r.protocol,
  port_range_min: r.portMin, port_range_max: r.portMax, remote_ip_prefix: r.remoteIp, normalized_cidr: r.remoteIp, remote_group_id: r.remoteGroup,
  remote_address_group_id: r.remoteAddressGroup, belongs_to_default_sg: Boolean(r.isDefault),
})

/** A group's rules as its own query's subselect, with the names the rows have here. */
export const groupExtras = {
  rules: sql<string>`(select json_group_array(json_object('id', r.id, 'project', r.project, 'description', r.description, 'tags', json(r.tags), 'revision', r.revision, 'createdAt', r.created_at,
    'updatedAt', r.updated_at, 'securityGroup', r.security_group, 'direction', r.direction, 'ethertype', r.ethertype, 'protocol', r.protocol, 'portMin', r.port_min, 'portMax', r.port_max,
    'remoteIp', r.remote_ip, 'remoteGroup', r.remote_group, 'remoteAddressGroup', r.remote_address_group)) from security_group_rule r where r.security_group = ${full(securityGroup.id)})`.as('rules'),
  opened: sql<number>`(select count(*) from rbac where object = ${full(securityGroup.id)} and object_type = 'security_group')`.as('opened'),
}
export const groupView = (r: Row) => ({
  ...standardView(r), stateful: r.stateful, shared: Boolean(r.opened),
  security_group_rules: parsed<Row>(r.rules).map((rule) => ruleView({ ...rule, isDefault: r.isDefault })),
})
