import type { Ctx } from '../../kernel/ctx.ts'
import { launchesQuery } from '../../compute/servers/launches.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { plugsOf } from '../../network/ports/of-servers.ts'
import { compute, network, one } from '../call.ts'
import { FEW } from '../describe.ts'
import { idOf, unknown } from '../ids.ts'

/** Servers that went within the last hour, as EC2 still shows them. */
export async function past(ctx: Ctx): Promise<any[]> {
  const { servers } = await compute(ctx, '/servers/detail', { 'changes-since': new Date(ctx.now() / 1000 - 3_600_000).toISOString().replace(/\.\d+/, '') })
  return servers.filter((s: any) => s.status === 'DELETED').sort((a: any, b: any) => (a.id < b.id ? -1 : 1))
}

/** Servers by their ids, those that are gone for a while too. */
export async function servers(ctx: Ctx, uuids: string[]): Promise<any[]> {
  if (uuids.length > FEW) {
    const wanted = new Set(uuids), out: any[] = (await past(ctx)).filter((g) => wanted.has(g.id))
    for (let marker: string | undefined; ;) {
      const { servers: page } = await compute(ctx, '/servers/detail', { limit: '1000', ...(marker ? { marker } : {}) })
      out.push(...page.filter((x: any) => wanted.has(x.id)))
      if (page.length < 1000 || out.length === wanted.size) return out
      marker = page.at(-1).id
    }
  }
  const found = await Promise.all(uuids.map((id) => one(ctx, 'instance', id).catch((e) => { if (e.detail?.type === unknown('instance', id).detail.type) return undefined; throw e })))
  if (found.every(Boolean)) return found
  const ghosts = await past(ctx)
  return uuids.flatMap((id, n) => found[n] ?? ghosts.find((g) => g.id === id) ?? [])
}

/** Those that are not there are named all at once. */
export async function every(ctx: Ctx, asked: string[], uuids: string[]): Promise<any[]> {
  const found = await servers(ctx, uuids), missing = uuids.flatMap((u, n) => (found.some((f) => f.id === u) ? [] : [asked[n]]))
  if (missing.length) throw unknown('instance', ...missing)
  return uuids.map((u) => found.find((f) => f.id === u))
}

/** What lies around servers: ports with what floats over them, groups, volumes, and how they were started. */
export async function around(ctx: Ctx, list: any[]) {
  const live = list.filter((s) => s.status !== 'DELETED').map((s) => s.id as string)
  if (!live.length) return { ports: new Map<string, any[]>(), floating: new Map<string, any>(), groups: new Map<string, any>(), disks: new Map<string, any[]>(), launches: new Map<string, any>() }
  const project_id = ctx.project
  const [[launches, held, plugs], { ports }, { floatingips }, { security_groups }] = await Promise.all([
    ctx.read(launchesQuery(live), attachmentsOf(live), plugsOf(live)), network(ctx, '/ports', { device_id: live }), network(ctx, '/floatingips', { project_id }), network(ctx, '/security-groups', { project_id, fields: ['id', 'name'] }),
  ])
  return {
    ports: Map.groupBy(plugs.flatMap((x) => { const p = ports.find((y: any) => y.id === x.id); return p ? [{ ...p, made: x.made }] : [] }), (p: any) => p.device_id as string),
    floating: new Map<string, any>(floatingips.filter((f: any) => f.port_id).map((f: any) => [f.port_id, f])),
    groups: new Map<string, any>(security_groups.map((g: any) => [g.id, g])),
    disks: Map.groupBy(held.map((h) => h.attachment), (a) => a.server!),
    launches: new Map(launches.map((l) => [l.id, l])),
  }
}
export type Around = Awaited<ReturnType<typeof around>>
export const groupsIn = (x: Pick<Around, 'groups'>, port: any) => (port.security_groups as string[]).map((g) => ({ groupId: idOf('security-group', g), groupName: x.groups.get(g)?.name ?? '' }))
