import { inArray } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { ec2GroupVpc } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import { arn } from '../../aws/arn.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { network, one, toNetwork, unless } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { ruleKey } from '../mapping/rule.ts'
import { write } from '../service.ts'
import { names, TagSpecifications, text, word } from '../shapes.ts'
import { keepTags, shown, tagsFor } from '../tags/keep.ts'
import { asked, rulesOf, theGroup } from './ask.ts'
import { noGroup } from './find.ts'
import { ANY } from '../filters.ts'
import { permissions, ruleView, type Permission } from './rules.ts'

/** The VPCs groups were made for. */
async function vpcsOf(ctx: Ctx, groups: string[]): Promise<Map<string, string>> {
  if (!groups.length) return new Map()
  const [rows] = await ctx.read(q.select().from(ec2GroupVpc).where(inArray(ec2GroupVpc.group, groups)))
  return new Map(rows.map((r) => [r.group, r.vpc]))
}
const view = (ctx: Ctx, g: any, vpc: string | undefined) => ({
  groupId: idOf('security-group', g.id), groupName: g.name as string, groupDescription: g.description as string, ownerId: g.project_id as string, vpcId: vpc && idOf('vpc', vpc), securityGroupArn: arn(ctx, 'ec2', `security-group/${idOf('security-group', g.id)}`),
  ipPermissions: permissions(g.security_group_rules.filter((r: any) => r.direction === 'ingress')), ipPermissionsEgress: permissions(g.security_group_rules.filter((r: any) => r.direction === 'egress')), tagSet: [] as { key: string; value: string }[],
})
type View = ReturnType<typeof view>
const of = (which: 'ipPermissions' | 'ipPermissionsEgress', see: (p: Permission) => unknown) => (v: View) => v[which].map(see)
const permissionFilters = (prefix: string, which: 'ipPermissions' | 'ipPermissionsEgress') => ({
  [`${prefix}.cidr`]: of(which, (p) => p.ipRanges.map((r) => r.cidrIp)), [`${prefix}.ipv6-cidr`]: of(which, (p) => p.ipv6Ranges.map((r) => r.cidrIpv6)), [`${prefix}.from-port`]: of(which, (p) => p.fromPort), [`${prefix}.to-port`]: of(which, (p) => p.toPort), [`${prefix}.protocol`]: of(which, (p) => p.ipProtocol), [`${prefix}.group-id`]: of(which, (p) => p.groups.map((g) => g.groupId)), [`${prefix}.user-id`]: of(which, (p) => p.groups.map((g) => g.userId)), [`${prefix}.prefix-list-id`]: () => undefined, [`${prefix}.group-name`]: () => undefined,
})
const VPC = Symbol('every vpc')
const rules = (ctx: Ctx, query: Record<string, string | string[]>): Promise<any[]> => network(ctx, '/security-group-rules', query).then((b) => b.security_group_rules)

const authorize = (direction: 'ingress' | 'egress') => write(direction === 'ingress' ? 'AuthorizeSecurityGroupIngress' : 'AuthorizeSecurityGroupEgress', {
  summary: `Let traffic ${direction === 'ingress' ? 'in' : 'out'}`, limit: 'RulesPerSecurityGroupLimitExceeded', input: { ...asked, TagSpecifications },
  async handle(ctx, i) {
    const group = await theGroup(ctx, i), wanted = await rulesOf(ctx, group.id, direction, i), tags = tagsFor(i.TagSpecifications, 'security-group-rule'), there = new Set(group.security_group_rules.map(ruleKey))
    const double = wanted.find((w, n) => there.has(ruleKey(w)) || wanted.findIndex((o) => ruleKey(o) === ruleKey(w)) < n)
    const duplicate = () => awsFault('InvalidPermission.Duplicate', `the specified rule "peer: ${double?.remote_ip_prefix ?? (double?.remote_group_id ? idOf('security-group', double.remote_group_id) : '')}, ${double?.protocol ?? 'ALL'}, ALLOW" already exists`)
    if (double) throw duplicate()
    const { security_group_rules: made } = await unless('conflict', duplicate, () => toNetwork(ctx, 'POST', '/security-group-rules', { security_group_rules: wanted }))
    for (const r of made) keepTags(ctx, 'security-group-rule', r.id, tags)
    return { return: true, securityGroupRuleSet: made.map((r: any) => ({ ...ruleView(r), tagSet: shown(tags) })) }
  },
})
const revoke = (direction: 'ingress' | 'egress') => write(direction === 'ingress' ? 'RevokeSecurityGroupIngress' : 'RevokeSecurityGroupEgress', {
  summary: `Let traffic ${direction === 'ingress' ? 'in' : 'out'} no more`, input: { ...asked, SecurityGroupRuleIds: names('SecurityGroupRuleId') },
  async handle(ctx, i) {
    const group = await theGroup(ctx, i), have = (group.security_group_rules as any[]).filter((r) => r.direction === direction)
    const gone = i.SecurityGroupRuleIds?.length
      ? i.SecurityGroupRuleIds.map((id) => { const uuid = uuidOf('security-group-rule', id), r = have.find((h) => h.id === uuid); if (!r) throw unknown('security-group-rule', id); return r })
      // A rule as it was made or as another API words it: a range that is everything may go without saying.
      : (await rulesOf(ctx, group.id, direction, i)).flatMap((w) => { const found = have.filter((h) => ruleKey(h) === ruleKey(w)); if (!found.length) throw awsFault('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.'); return found })
    for (const r of new Set(gone)) await toNetwork(ctx, 'DELETE', `/security-group-rules/${r.id}`)
    return { return: true, revokedSecurityGroupRuleSet: [...new Set(gone)].map((r) => { const { referencedGroupInfo, groupOwnerId: _, tagSet: __, ...v } = ruleView(r); return { ...v, referencedGroupId: referencedGroupInfo?.groupId } }) }
  },
})

export default [
  write('CreateSecurityGroup', {
    summary: 'Make a security group', limit: 'SecurityGroupLimitExceeded', input: { GroupName: t.String({ minLength: 1, maxLength: 255 }), Description: t.String({ maxLength: 255, wire: 'GroupDescription' }), VpcId: word, TagSpecifications },
    async handle(ctx, i) {
      const tags = tagsFor(i.TagSpecifications, 'security-group'), vpc = i.VpcId ? await one(ctx, 'vpc', i.VpcId) : undefined
      if (i.GroupName === 'default' || /^sg-/.test(i.GroupName)) throw awsFault('InvalidParameterValue', `Cannot use reserved security group name: ${i.GroupName}`)
      const { security_groups: same } = await network(ctx, '/security-groups', { name: i.GroupName, project_id: ctx.project }), held = await vpcsOf(ctx, same.map((g: any) => g.id))
      if (same.some((g: any) => held.get(g.id) === vpc?.id)) throw awsFault('InvalidGroup.Duplicate', `The security group '${i.GroupName}' already exists${vpc ? ` for VPC '${i.VpcId}'` : ''}`)
      const { security_group } = await toNetwork(ctx, 'POST', '/security-groups', { security_group: { name: i.GroupName, description: i.Description } })
      if (vpc) ctx.stage(q.insert(ec2GroupVpc).values({ group: security_group.id, vpc: vpc.id }))
      keepTags(ctx, 'security-group', security_group.id, tags)
      ctx.about(security_group.id)
      return { return: true, groupId: idOf('security-group', security_group.id), tagSet: shown(tags), securityGroupArn: arn(ctx, 'ec2', `security-group/${idOf('security-group', security_group.id)}`) }
    },
  }),
  write('DeleteSecurityGroup', {
    summary: 'Delete a security group', input: { GroupId: word, GroupName: word },
    async handle(ctx, i) {
      const group = await theGroup(ctx, i), id = idOf('security-group', group.id)
      if (group.name === 'default') throw awsFault('CannotDelete', `the specified group: "${id}" name: "default" cannot be deleted by a user`)
      const said = await rules(ctx, { remote_group_id: group.id })
      if (said.some((r) => r.security_group_id !== group.id)) throw awsFault('DependencyViolation', `resource ${id} has a dependent object`)
      await unless('conflict', () => (i.GroupId ? awsFault('DependencyViolation', `resource ${id} has a dependent object`) : awsFault('InvalidGroup.InUse', `There are active instances using security group '${i.GroupName}'`)), () => toNetwork(ctx, 'DELETE', `/security-groups/${group.id}`))
      return { return: true, groupId: id }
    },
  }),
  authorize('ingress'), authorize('egress'), revoke('ingress'), revoke('egress'),
  describe<any, View, { GroupNames: ReturnType<typeof names> }>('DescribeSecurityGroups', {
    summary: 'Describe security groups', noun: 'security-group', ids: ['GroupIds', 'GroupId'], set: 'securityGroupInfo', more: { GroupNames: names('GroupName') },
    rows: async (ctx, { limit, marker }, input) => {
      const { security_groups: rows } = await network(ctx, '/security-groups', { project_id: ctx.project, limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}), ...(input.GroupNames?.length ? { name: input.GroupNames } : {}) })
      const missing = marker ? undefined : input.GroupNames?.find((n) => !rows.some((g: any) => g.name === n))
      if (missing !== undefined && rows.length < limit) throw noGroup(missing)
      return rows
    },
    some: async (ctx, uuids) => (await network(ctx, '/security-groups', { id: uuids })).security_groups,
    view: async (ctx, rows) => { const vpcs = await vpcsOf(ctx, rows.map((g) => g.id)); return rows.map((g) => ({ ...view(ctx, g, vpcs.get(g.id)), [VPC]: !vpcs.has(g.id) })) },
    filters: {
      // A group that is no VPC's serves in each.
      'group-id': (v) => v.groupId, 'group-name': (v) => v.groupName, description: (v) => v.groupDescription, 'owner-id': (v) => v.ownerId, 'vpc-id': (v) => ((v as View & { [VPC]?: boolean })[VPC] ? ANY : v.vpcId),
      ...permissionFilters('ip-permission', 'ipPermissions'), ...permissionFilters('egress.ip-permission', 'ipPermissionsEgress'),
    },
  }),
  describe<any, ReturnType<typeof ruleView>>('DescribeSecurityGroupRules', {
    summary: 'Describe rules of security groups', noun: 'security-group-rule', ids: ['SecurityGroupRuleIds', 'SecurityGroupRuleId'], set: 'securityGroupRuleSet',
    rows: (ctx, { limit, marker }) => rules(ctx, { project_id: ctx.project, limit: String(limit), sort_key: 'id', sort_dir: 'asc', ...(marker ? { marker } : {}) }), some: (ctx, uuids) => rules(ctx, { id: uuids }), view: (_, rows) => rows.map(ruleView),
    filters: { 'group-id': (r) => r.groupId, 'security-group-rule-id': (r) => r.securityGroupRuleId },
  }),
]
