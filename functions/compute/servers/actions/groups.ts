import { Type as t } from 'typebox'
import { joinGroup, leaveGroup, namedGroups } from '../../../network/ports/of-servers.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { conflict, notFound } from '../../../kernel/fault.ts'
import { endpoint, type Rule } from '../../service.ts'
import { action, closed, name } from '../../shapes.ts'
import { change, mine, serverQuery } from '../model.ts'

const path = '/servers/{server}/action'

/** Adds or removes a security group on all ports of a server. */
async function regroup(ctx: Ctx, id: string, group: string, add: boolean) {
  const rule = `os_compute_api:os-security-groups:${add ? 'add' : 'remove'}` as Rule
  const [rows, groups] = await ctx.read(serverQuery(ctx, id), namedGroups(ctx.project, group))
  const s = mine(ctx, rows, id, rule)
  if (!groups.length) throw notFound('security group', group, `Security group ${group} not found for project ${ctx.project}.`)
  if (groups.length > 1 && !groups.some((g) => g.id === group)) throw conflict(`Multiple security groups found matching '${group}'. Use an ID to be more specific.`)
  ;(add ? joinGroup : leaveGroup)(ctx, id, (groups.find((g) => g.id === group) ?? groups[0]).id)
  change(ctx, s, {})
}
export default [
  endpoint({
    id: 'servers.add_security_group', method: 'POST', path, key: 'addSecurityGroup', status: 202, summary: 'Add a security group to a server', policy: 'os_compute_api:os-security-groups:add',
    body: { '2.1': action('addSecurityGroup', t.Object({ name }, closed)) }, handle: (ctx, { params, body }) => regroup(ctx, params.server, body.addSecurityGroup.name, true),
  }),
  endpoint({
    id: 'servers.remove_security_group', method: 'POST', path, key: 'removeSecurityGroup', status: 202, summary: 'Remove a security group from a server', policy: 'os_compute_api:os-security-groups:remove',
    body: { '2.1': action('removeSecurityGroup', t.Object({ name }, closed)) }, handle: (ctx, { params, body }) => regroup(ctx, params.server, body.removeSecurityGroup.name, false),
  }),
]
