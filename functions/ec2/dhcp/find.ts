import { and, eq, inArray } from 'drizzle-orm'
import { ec2DhcpOptions, ec2VpcOptions } from '../../../schema/ec2.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { unknown, uuidOf } from '../ids.ts'

export type Options = typeof ec2DhcpOptions.$inferSelect
export const optionsOf = async (ctx: Ctx): Promise<Options[]> => (await ctx.read(q.select().from(ec2DhcpOptions).where(eq(ec2DhcpOptions.project, ctx.project))))[0]

export async function theOptions(ctx: Ctx, id: string): Promise<Options> {
  const [[found]] = await ctx.read(q.select().from(ec2DhcpOptions).where(and(eq(ec2DhcpOptions.id, uuidOf('dhcp-options', id)), eq(ec2DhcpOptions.project, ctx.project))))
  if (!found) throw unknown('dhcp-options', id)
  return found
}
/** The options these VPCs have, by VPC; those without have the default. */
export async function optionsByVpc(ctx: Ctx, vpcs: string[]): Promise<Map<string, Options>> {
  if (!vpcs.length) return new Map()
  const [rows] = await ctx.read(q.select().from(ec2VpcOptions).innerJoin(ec2DhcpOptions, eq(ec2DhcpOptions.id, ec2VpcOptions.options)).where(inArray(ec2VpcOptions.vpc, vpcs)))
  return new Map(rows.map((r) => [r.ec2_vpc_options.vpc, r.ec2_dhcp_options]))
}
const values = (o: Options | undefined, key: string) => o?.options.find((x) => x.key === key)?.values ?? []
/** AWS's own server is the one a subnet announces by itself. */
export const nameServers = (o: Options | undefined) => values(o, 'domain-name-servers').filter((v) => v !== 'AmazonProvidedDNS')
export const domain = (o: Options | undefined) => { const [name] = values(o, 'domain-name'); return name ? `${name.replace(/\.$/, '')}.` : '' }
