import { Type as t, type Static, type TObject } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { network, unless } from '../call.ts'
import { asking } from '../mapping/ask.ts'
import { wire, type Rule } from '../mapping/rule.ts'
import { word } from '../shapes.ts'
import { groupIds, noGroup } from './find.ts'

const port = t.Optional(t.Integer({ minimum: -1, maximum: 65_535 })), many = <S extends import('typebox').TSchema>(s: S) => t.Optional(t.Array(s, { maxItems: 200 }))
export const permission = shape({
  IpProtocol: t.Optional(t.String({ maxLength: 40 })), FromPort: port, ToPort: port, IpRanges: many(shape({ CidrIp: word, Description: word })), Ipv6Ranges: many(shape({ CidrIpv6: word, Description: word })), PrefixListIds: many(shape({ PrefixListId: word, Description: word })),
  UserIdGroupPairs: t.Optional(t.Array(shape({ GroupId: word, GroupName: word, UserId: word, Description: word, VpcId: word, VpcPeeringConnectionId: word, PeeringStatus: word }), { wire: 'Groups', maxItems: 200 })),
})
/** A rule may be said whole, or flat as long ago. */
export const asked = { GroupId: word, GroupName: word, IpPermissions: many(permission), IpProtocol: word, FromPort: port, ToPort: port, CidrIp: word, SourceSecurityGroupName: word, SourceSecurityGroupOwnerId: word }
type Asked = Static<TObject<typeof asked>>

export async function theGroup(ctx: Ctx, i: { GroupId?: string; GroupName?: string }): Promise<any> {
  if (!i.GroupId && !i.GroupName) throw awsFault('MissingParameter', 'The request must contain the parameter GroupId or GroupName')
  const [id] = i.GroupId ? await groupIds(ctx, [i.GroupId]) : [undefined], { security_groups } = await network(ctx, '/security-groups', id ? { id } : { name: i.GroupName!, project_id: ctx.project })
  if (!security_groups.length) throw noGroup(i.GroupName ?? i.GroupId!)
  return security_groups[0]
}

/** What was asked, as rules of the network service. */
export async function rulesOf(ctx: Ctx, group: string, direction: 'ingress' | 'egress', i: Asked): Promise<Rule[]> {
  const flat = i.IpProtocol !== undefined || i.CidrIp !== undefined || i.SourceSecurityGroupName !== undefined
  if (flat === Boolean(i.IpPermissions?.length)) throw awsFault(flat ? 'InvalidParameterCombination' : 'MissingParameter', flat ? 'The parameter IpPermissions may not be used together with IpProtocol, CidrIp and the like' : 'The request must contain the parameter IpPermissions')
  const list = flat ? [{ IpProtocol: i.IpProtocol ?? '-1', FromPort: i.FromPort, ToPort: i.ToPort, IpRanges: i.CidrIp ? [{ CidrIp: i.CidrIp }] : [], UserIdGroupPairs: i.SourceSecurityGroupName ? [{ GroupName: i.SourceSecurityGroupName }] : [] } as Static<typeof permission>] : i.IpPermissions!
  const out: Rule[] = []
  for (const p of list) {
    if (p.IpProtocol === undefined) throw awsFault('MissingParameter', 'The request must contain the parameter IpProtocol of a permission')
    if (p.PrefixListIds?.length) throw awsFault('UnsupportedOperation', 'There are no prefix lists.')
    const pairs = p.UserIdGroupPairs ?? [], sources: Rule[] = [...(p.IpRanges ?? []).map((r) => ({ CidrIp: r.CidrIp, Description: r.Description })), ...(p.Ipv6Ranges ?? []).map((r) => ({ CidrIpv6: r.CidrIpv6, Description: r.Description }))]
    for (const g of pairs) sources.push({ SourceSecurityGroupId: (await groupIds(ctx, g.GroupId ? [g.GroupId] : [], g.GroupId || !g.GroupName ? [] : [g.GroupName]))[0], Description: g.Description })
    if (!sources.length) throw awsFault('MissingParameter', 'A permission needs an IP range or a group.')
    const all = ['tcp', 'udp', '6', '17'].includes(p.IpProtocol.toLowerCase()) && (p.FromPort ?? 0) <= 0 && (p.ToPort ?? 65_535) >= 65_535
    const ports = all ? {} : { FromPort: p.FromPort, ToPort: p.ToPort }
    for (const s of sources) out.push(await unless('invalid', (e) => awsFault('InvalidParameterValue', e.message), () => wire(asking(ctx), group, direction, { IpProtocol: p.IpProtocol, ...ports, ...s })))
  }
  return out
}
