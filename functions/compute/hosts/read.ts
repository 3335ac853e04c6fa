import { asc, eq, sql } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import { providerUsage } from '../../../schema/placement.ts'
import { isUp } from '../../hosts/up.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { notFound } from '../../kernel/fault.ts'
import { zoneOf } from '../schedule/hosts.ts'

const used = (cls: string) => sql<number>`coalesce((select used from ${providerUsage} u where u.provider = ${host}.id and u.class = ${cls}), 0)`
/** A host as the compute API's three faces of it need it: hypervisor, service, host. */
export const hostRows = () => q.select({
  h: host, zone: zoneOf, vcpus: used('VCPU'), memoryMb: used('MEMORY_MB'), diskGb: used('DISK_GB'),
  servers: sql<number>`(select count(*) from ${server} s where s.host = ${host}.id)`, busy: sql<number>`(select count(*) from ${server} s where s.host = ${host}.id and s.task is not null)`,
}).from(host).orderBy(asc(host.number))
export type HostShown = Awaited<ReturnType<typeof hostRows>>[number]

export const up = (ctx: Ctx, r: HostShown) => isUp(r.h, ctx.now())
/** From 2.53 on by uuid, before by number. */
export const idOf = (ctx: Ctx, r: HostShown) => (ctx.version >= 2053 ? r.h.id : r.h.number)
export async function allHosts(ctx: Ctx): Promise<HostShown[]> { return (await ctx.read(hostRows()))[0] }
export async function oneHost(ctx: Ctx, id: string, noun: string, message = `${noun} with ID '${id}' could not be found.`): Promise<HostShown> {
  const [rows] = await ctx.read(hostRows().where(ctx.version >= 2053 ? eq(host.id, id) : eq(host.number, /^\d{1,15}$/.test(id) ? Number(id) : -1)))
  if (!rows[0]) throw notFound(noun.toLowerCase(), id, message)
  return rows[0]
}
