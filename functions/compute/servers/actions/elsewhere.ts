import { Type as t } from 'typebox'
import { joinGroup, leaveGroup, namedGroups } from '../../../network/ports/of-servers.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { conflict, invalid, notFound } from '../../../kernel/fault.ts'
import { endpoint, type Rule } from '../../service.ts'
import { action, adminPass, bool, closed, fqdn, name } from '../../shapes.ts'
import { change, findServer, mine, serverQuery } from '../model.ts'

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
const place = { host: t.Optional(t.Union([fqdn, t.Null()])) }
/** Servers move between hosts when hosts can hand disks to each other; until then it is said so. */
const notYet = (key: string, rule: Rule, bodies: Record<string, ReturnType<typeof t.Object>>, status = 202) => endpoint({
  id: `servers.${key}`, method: 'POST', path, key, status, summary: 'Move a server to another host', policy: rule, body: bodies,
  async handle(ctx, { params }) {
    const s = await findServer(ctx, params.server, rule)
    if (!s.host) throw conflict(`Cannot '${key}' instance ${s.id}: it is on no host`)
    if (key === 'migrate' && s.state !== 'active' && s.state !== 'stopped') throw conflict(`Cannot 'migrate' instance ${s.id} while it is in vm_state ${s.state}`)
    if (key === 'os-migrateLive' && s.state !== 'active' && s.state !== 'paused') throw conflict(`Cannot 'os-migrateLive' instance ${s.id} while it is in vm_state ${s.state}`)
    throw invalid('No valid host was found. Moving servers between hosts is not available in this cloud yet.')
  },
})

export default [
  endpoint({
    id: 'servers.add_security_group', method: 'POST', path, key: 'addSecurityGroup', status: 202, summary: 'Add a security group to a server', policy: 'os_compute_api:os-security-groups:add',
    body: { '2.1': action('addSecurityGroup', t.Object({ name }, closed)) }, handle: (ctx, { params, body }) => regroup(ctx, params.server, body.addSecurityGroup.name, true),
  }),
  endpoint({
    id: 'servers.remove_security_group', method: 'POST', path, key: 'removeSecurityGroup', status: 202, summary: 'Remove a security group from a server', policy: 'os_compute_api:os-security-groups:remove',
    body: { '2.1': action('removeSecurityGroup', t.Object({ name }, closed)) }, handle: (ctx, { params, body }) => regroup(ctx, params.server, body.removeSecurityGroup.name, false),
  }),
  notYet('migrate', 'os_compute_api:os-migrate-server:migrate', { '2.1': t.Object({ migrate: t.Optional(t.Unknown()) }), '2.56': action('migrate', t.Union([t.Null(), t.Object(place, closed)])) as never }),
  notYet('os-migrateLive', 'os_compute_api:os-migrate-server:migrate_live', {
    '2.1': action('os-migrateLive', t.Object({ ...place, block_migration: bool, disk_over_commit: bool }, closed)) as never,
    '2.25': action('os-migrateLive', t.Object({ ...place, block_migration: t.Union([bool, t.Literal('auto')]) }, closed)) as never,
    '2.30': action('os-migrateLive', t.Object({ ...place, block_migration: t.Union([bool, t.Literal('auto')]), force: t.Optional(bool) }, closed)) as never,
    '2.68': action('os-migrateLive', t.Object({ ...place, block_migration: t.Union([bool, t.Literal('auto')]) }, closed)) as never,
  }),
  notYet('evacuate', 'os_compute_api:os-evacuate', {
    '2.1': action('evacuate', t.Object({ host: t.Optional(fqdn), onSharedStorage: bool, adminPass: t.Optional(adminPass) }, closed)) as never,
    '2.14': action('evacuate', t.Object({ host: t.Optional(fqdn), adminPass: t.Optional(adminPass) }, closed)) as never,
    '2.29': action('evacuate', t.Object({ host: t.Optional(fqdn), adminPass: t.Optional(adminPass), force: t.Optional(bool) }, closed)) as never,
    '2.68': action('evacuate', t.Object({ host: t.Optional(fqdn), adminPass: t.Optional(adminPass) }, closed)) as never,
  }, 200),
]
