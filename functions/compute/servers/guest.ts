import { and, eq } from 'drizzle-orm'
import { server, serverGuest } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { GuestData } from '../../../schema/hosts.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { groupNamesOf, wiringOf } from '../../network/ports/of-servers.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { zoneOf } from '../schedule/hosts.ts'
import { networkData } from './network-data.ts'
import { reachable } from './reachable.ts'
import { unseal } from './seal.ts'
import { ownDisks, rootOnVolume, volumeDisk } from './spec.ts'

/** What a guest is told, for the host it is on and for no other. */
export async function guestOn(ctx: Ctx, hostId: string, id: string): Promise<GuestData | undefined> {
  const [[row], wiring, groups, held] = await ctx.read(
    q.select({ server, guest: serverGuest, zone: zoneOf }).from(server).innerJoin(serverGuest, eq(serverGuest.server, server.id)).innerJoin(host, eq(host.id, server.host)).where(and(eq(server.id, id), eq(server.host, hostId))),
    wiringOf(id), groupNamesOf([id]), attachmentsOf([id]))
  if (!row) return undefined
  const { server: s, guest, zone } = row
  const volumes = held.map(({ attachment: a }) => ({ volume: a.volume, device: a.device, bootIndex: a.bootIndex, tag: a.tag }))
  return {
    server: s.id, etag: `${guest.etag}.${s.updatedAt}`, name: s.name, hostname: s.hostname, project: s.project, user: s.user, availabilityZone: zone, flavor: s.shape.name, imageId: s.image ?? undefined,
    launchIndex: s.launchIndex, reservationId: s.reservation, ec2Id: `i-${s.id.replaceAll('-', '')}`, meta: s.metadata, keys: guest.keys, userData: reachable(ctx.env, guest.userData),
    adminPass: guest.adminPass ? await unseal(ctx, s.id, guest.adminPass) : undefined, password: guest.password ?? undefined,
    fixedIps: wiring.flatMap((w) => (w.address ? [{ port: w.port.id, mac: w.port.mac, network: w.network.id, address: w.address, ...(w.floating ? { floating: w.floating } : {}) }] : [])),
    networkData: networkData(wiring), securityGroups: [...new Set(groups.map((g) => g.name))],
    devices: [
      ...ownDisks(s, rootOnVolume(volumes)).map((d) => ({ device: d.device, bus: d.bus as string })),
      ...volumes.map((v) => { const d = volumeDisk(v, s.imageProperties); return { device: d.device, bus: d.bus as string, serial: v.volume, tags: v.tag ? [v.tag] : undefined } }),
    ],
  }
}
