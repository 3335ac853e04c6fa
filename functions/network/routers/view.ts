import { sql } from 'drizzle-orm'
import { router } from '../../../schema/network.ts'
import { full } from '../../kernel/db.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Row } from '../../kernel/resource.ts'
import { type FixedIp, parsed } from '../ports/view.ts'
import { standardView } from '../standard.ts'

export const routerExtras = {
  outside: sql<string>`(select json_group_array(json_object('subnet_id', a.subnet, 'ip_address', a.address)) from address a where a.port = ${full(router.gatewayPort)})`.as('outside'),
}
export const routerView = (r: Row, ctx: Ctx) => ({
  ...standardView(r), admin_state_up: r.adminUp, status: 'ACTIVE', routes: r.routes, availability_zones: r.host ? ['nova'] : [], availability_zone_hints: [], flavor_id: null, enable_ndp_proxy: r.ndpProxy,
  external_gateway_info: r.externalNetwork ? { network_id: r.externalNetwork, enable_snat: r.snat, external_fixed_ips: parsed<FixedIp>(r.outside), qos_policy_id: r.qosPolicy ?? null } : null,
  ...(ctx.can('create_router:ha') ? { distributed: r.distributed, ha: r.ha } : {}),
})
