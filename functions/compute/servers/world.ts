import { inArray } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import { host as hostTable } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { imageQuery, usableImage, type ImageRow, type UsableImage } from '../../image/images/use.ts'
import { networksAsked, portReads } from '../../network/ports/plan.ts'
import type { Need } from '../../placement/claim.ts'
import { demand, quotaQueries, snapshotsQuery, volumesQuery, type SnapshotRow, type VolumeRow } from '../../volume/volumes/use.ts'
import { flavorQuery, type Flavor } from '../flavors/model.ts'
import { groupQuery, membersOf, type Group } from '../groups/model.ts'
import { keypairQuery, type Keypair } from '../keypairs/model.ts'
import { limitsOf, limitsQuery, usageQuery, type Usage } from '../quotas/limits.ts'
import { candidate, hostsQuery, needFrom, zoneOf, type Candidate, type HostRowRead } from '../schedule/hosts.ts'
import type { NewServers } from './ask.ts'
import { checkBlocks, type Sources } from './blocks.ts'

/** All that a wish for servers meets: read once, judged before anything is staged. */
export interface World extends Sources {
  flavor: Flavor; image?: UsableImage; hosts: Candidate[]; usage: Usage; limits: Parameters<typeof limitsOf>[0]; zones: string[]
  group?: Group; members: { id: string; host: string | null }[]; hinted: { id: string; host: string | null }[]
  key?: Keypair; ports: unknown[]; volumeQuota: { usage: never; limits: never }
}

/** Everything about the world that matters, in one round trip. */
export async function look(ctx: Ctx, ask: NewServers): Promise<World> {
  const of = (source: string) => ask.blocks.flatMap((b) => (b.source === source && b.id ? [b.id] : []))
  const images = [...new Set([...(ask.image ? [ask.image] : []), ...of('image')])]
  const need = needFrom(ask.flavor, ask.blocks.some((b) => b.boot === 0))
  const group = ask.hints.group ?? ''
  const fixed = [
    flavorQuery(ctx, ask.flavor), hostsQuery(ctx.now(), need, { zone: ask.zone, group: ask.hints.group, only: ask.onHost, networks: networksAsked(ctx, ask.ports) }), usageQuery(ctx.project), limitsQuery(ctx.project, ctx.caller.user.id),
    q.selectDistinct({ zone: zoneOf }).from(hostTable), groupQuery(ctx, group), membersOf(group),
    q.select({ id: server.id, host: server.host }).from(server).where(inArray(server.id, [...(ask.hints.sameHost ?? []), ...(ask.hints.differentHost ?? [])])),
    keypairQuery(ctx.caller.user.id, ask.keyName ?? ''), volumesQuery(ctx, of('volume')), snapshotsQuery(ctx, of('snapshot')), ...quotaQueries(ctx.project),
  ] as const
  const rows = await ctx.read(...fixed as unknown as [Query], ...images.map((id) => imageQuery(ctx, id)), ...portReads(ctx, ask.ports)) as unknown[][]
  const imageRows = rows.slice(fixed.length, fixed.length + images.length).flat() as ImageRow[]
  const [[flavor], hosts, [usage], limits, zones, [groupRow], members, hinted, [key], volumes, snapshots, volumeUsage, volumeLimits] = rows as [Flavor[], HostRowRead[], Usage[], never[], { zone: string }[], Group[], World['members'], World['hinted'], Keypair[], { volume: VolumeRow }[], SnapshotRow[], never, never]
  if (!flavor) throw invalid(`Flavor ${ask.flavor} could not be found.`)
  return {
    flavor, image: ask.image ? usableImage(imageRows, ask.image) : undefined, hosts: hosts.map(candidate), usage, limits, zones: zones.map((z) => z.zone), group: groupRow, members, hinted, key,
    images: imageRows, volumes: volumes.map((v) => v.volume), snapshots, ports: rows.slice(fixed.length + images.length), volumeQuota: { usage: volumeUsage, limits: volumeLimits },
  }
}

/** Refuses what cannot be, whatever the host; says how many servers it may be. */
export function admit(ctx: Ctx, ask: NewServers, w: World): number {
  const limits = limitsOf(w.limits)
  if (ask.keyName && !w.key) throw invalid('Invalid key_name provided.')
  if (ask.zone && !w.zones.includes(ask.zone)) throw invalid(`The requested availability zone is not available: ${ask.zone}`)
  if (ask.hints.group && !w.group) throw invalid(`ServerGroup ${ask.hints.group} could not be found.`)
  if (w.group && limits.server_group_members >= 0 && w.members.length + ask.min > limits.server_group_members) throw forbidden('Quota exceeded, too many servers in group')
  if (limits.metadata_items >= 0 && Object.keys(ask.metadata).length > limits.metadata_items) throw forbidden(`Quota exceeded for metadata_items: at most ${limits.metadata_items} are allowed.`)
  for (const id of [...(ask.hints.sameHost ?? []), ...(ask.hints.differentHost ?? [])]) if (!w.hinted.some((h) => h.id === id)) throw notFound('instance', id, `Instance ${id} could not be found.`, { status: 400 })
  checkBlocks(ask.blocks, w)
  const made = ask.blocks.filter((b) => b.source !== 'volume')
  if (made.length > 4) throw invalid('At most four volumes can be made together with a server.')
  // An image named beside a boot volume is remembered, not copied.
  if (w.image && !ask.blocks.some((b) => b.boot === 0)) fits(w.image, w.flavor)
  const room = Math.min(...([['instances', 1], ['cores', w.flavor.vcpus], ['ram', w.flavor.memoryMb]] as const).map(([r, each]) => (limits[r] < 0 || each === 0 ? Infinity : Math.floor((limits[r] - w.usage[r]) / each))))
  const count = Math.max(ask.min, Math.min(ask.max, room))
  if (made.length) demand(w.volumeQuota, { volumes: made.length * count, gigabytes: count * made.reduce((n, b) => n + (b.sizeGb ?? 1), 0) })
  return count
}

export function fits(i: UsableImage, f: { memoryMb: number; diskGb: number }) {
  if (f.memoryMb < i.minRam) throw invalid("Flavor's memory is too small for requested image.")
  const bytes = f.diskGb * 2 ** 30, least = Math.max(i.minDisk * 2 ** 30, i.virtualSize)
  if (f.diskGb > 0 && bytes < least) throw invalid(`Flavor's disk is too small for requested image. Flavor disk is ${bytes} bytes, image is ${least} bytes.`)
}

/** The next server of the same request sees this one's share as taken. */
export function takeFrom(h: Candidate, need: Need, w: World) {
  h.freeVcpus -= need.vcpus
  h.freeMemoryMb -= need.memoryMb
  h.freeDiskGb -= need.diskGb
  h.groupMembers++
  w.members.push({ id: '', host: h.id })
}

/** What the image says about the machine; for a boot volume, what the image it was made from said. */
export function propertiesOf(w: World, ask: NewServers): Record<string, string> {
  const root = ask.blocks.find((b) => b.boot === 0)
  const from = w.image?.properties ?? (root?.source === 'image' ? w.images.find((i) => i.id === root.id)?.properties : w.volumes.find((v) => v.id === root?.id)?.imageMeta) ?? {}
  return Object.fromEntries(Object.entries(from).filter(([, v]) => typeof v === 'string' && v.length <= 255)) as Record<string, string>
}
