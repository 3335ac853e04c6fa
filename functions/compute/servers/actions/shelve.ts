import { Type as t } from 'typebox'
import { stageImage, imageQuery, imageRefOf, usableImage } from '../../../image/images/use.ts'
import { bindPorts, networksOf } from '../../../network/ports/plan.ts'
import { stageClaim } from '../../../placement/claim.ts'
import type { Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { conflict, invalid } from '../../../kernel/fault.ts'
import { groupQuery, guardAffinity, membersOf, type Group } from '../../groups/model.ts'
import type { attachmentsOf } from '../../../volume/volumes/use.ts'
import { candidate, hostsQuery, type HostRowRead } from '../../schedule/hosts.ts'
import { pick } from '../../schedule/pick.ts'
import { wishOf } from '../../schedule/wish.ts'
import { endpoint } from '../../service.ts'
import { action, bare, closed, fqdn, name } from '../../shapes.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { grip, gripOf, gripReads, timeline } from '../grip.ts'
import { change, findServer, needOf, power } from '../model.ts'
import shelveSaga from '../shelve.saga.ts'
import { graceOf, rootOnVolume } from '../spec.ts'
import turn from '../turn.saga.ts'
import unshelveSaga from '../unshelve.saga.ts'

const path = '/servers/{server}/action'
type Attached = Awaited<ReturnType<typeof attachmentsOf>>

export default [
  endpoint({
    id: 'servers.shelve', method: 'POST', path, key: 'shelve', status: 202, summary: 'Put a server away: its disk as an image, nothing on any host', policy: 'os_compute_api:os-shelve:shelve', body: { '2.1': bare('shelve') },
    async handle(ctx, { params: { server: id } }) {
      const g = await grip(ctx, id, 'shelve'), s = g.server, onVolume = rootOnVolume(g.held), image = onVolume ? undefined : ctx.uuid()
      if (image) stageImage(ctx, { id: image, name: `${s.name}-shelved`, diskFormat: 'qcow2', owner: s.project, minDisk: s.shape.diskGb, properties: { image_type: 'snapshot', instance_uuid: id, base_image_ref: s.image ?? '', ...s.imageProperties } })
      change(ctx, s, { task: 'shelving', hints: { ...s.hints, ...(image ? { 'virga:shelved': image } : {}) } })
      timeline(ctx, s, 'shelve')
      await start(ctx, shelveSaga, { server: id, host: s.host, project: s.project, image, wasOn: s.power !== power.off, grace: graceOf(s.imageProperties), was: s.state, offload: true }, { lane: id, project: s.project })
    },
  }),
  endpoint({
    id: 'servers.shelve_offload', method: 'POST', path, key: 'shelveOffload', status: 202, summary: 'Take a shelved server off its host', policy: 'os_compute_api:os-shelve:shelve_offload', body: { '2.1': bare('shelveOffload') },
    async handle(ctx, { params: { server: id } }) {
      const g = await grip(ctx, id, 'shelveOffload'), s = g.server
      change(ctx, s, { task: 'shelving_offloading' })
      timeline(ctx, s, 'shelveOffload')
      await start(ctx, shelveSaga, { server: id, host: s.host, project: s.project, wasOn: false, was: s.state, offload: true }, { lane: id, project: s.project })
    },
  }),
  endpoint({
    id: 'servers.unshelve', method: 'POST', path, key: 'unshelve', status: 202, summary: 'Bring a shelved server back, on a host chosen anew', policy: 'os_compute_api:os-shelve:unshelve',
    body: {
      '2.1': bare('unshelve'), '2.77': action('unshelve', t.Union([t.Null(), t.Object({ availability_zone: name }, closed)])),
      '2.91': action('unshelve', t.Union([t.Null(), t.Object({ availability_zone: t.Optional(t.Union([name, t.Null()])), host: t.Optional(fqdn) }, closed)])),
    },
    async handle(ctx, { params: { server: id }, body }) {
      const asked = (ctx.version >= 2077 ? body.unshelve ?? {} : {}) as { availability_zone?: string | null; host?: string }
      if (asked.host) ctx.may('os_compute_api:os-shelve:unshelve_to_host')
      const before = await findServer(ctx, id, 'os_compute_api:os-shelve:unshelve')
      const kept = before.hints?.['virga:shelved'] as string | undefined, zone = asked.availability_zone === null ? undefined : asked.availability_zone ?? before.zone ?? undefined
      const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], imageQuery(ctx, kept ?? ''), hostsQuery(ctx.now(), needOf(before.shape), { zone, group: before.group ?? undefined, only: asked.host ? [asked.host] : undefined, networks: networksOf(id) }),
        groupQuery(ctx, before.group ?? ''), membersOf(before.group ?? '')) as unknown[][]
      const g = gripOf(ctx, id, 'unshelve', read), s = g.server, [group] = read[5] as Group[], onVolume = rootOnVolume(g.held)
      if (s.state !== 'shelved_offloaded' && Object.keys(asked).length) throw conflict(`Availability zone and host can be chosen when unshelving an offloaded server; ${id} is ${s.state}`)
      timeline(ctx, s, 'unshelve')
      if (s.state === 'shelved') {
        change(ctx, s, { task: 'unshelving' })
        await start(ctx, turn, { server: id, host: s.host, move: 'unshelve', job: 'domain.start', args: { spec: g.spec } }, { lane: id, project: s.project })
        return
      }
      const image = onVolume ? undefined : usableImage(read[3] as never, kept ?? '')
      const storage = (read[2] as Attached).flatMap(({ volume: v }) => v.storage ?? v.host ?? [])
      const wish = wishOf(s, onVolume, group, read[6] as { host: string | null }[], { storage }), { need } = wish
      const host = pick((read[4] as HostRowRead[]).map(candidate), wish, ctx.world.random(1)[0] / 256)
      if (!host) throw invalid('No valid host was found. There are not enough hosts available.')
      change(ctx, s, { task: 'spawning', host: host.id, ...(asked.availability_zone !== undefined ? { zone: asked.availability_zone } : {}) })
      if (group) guardAffinity(ctx, group, host.id, id)
      stageClaim(ctx, { consumer: id, host: host.id, project: s.project, user: s.user, ...need })
      bindPorts(ctx, g.ports.map((p) => p.id), host.id)
      const disks: DiskArgs[] = image ? [{ disk: { kind: 'root', id }, sizeGb: s.shape.diskGb, source: { image: imageRefOf(image) } }] : []
      if (s.shape.ephemeralGb) disks.push({ disk: { kind: 'ephemeral', id }, sizeGb: s.shape.ephemeralGb, source: { blank: true, filesystem: 'ext4' } })
      if (s.shape.swapMb) disks.push({ disk: { kind: 'swap', id }, sizeGb: Math.ceil(s.shape.swapMb / 1024), source: { blank: true, filesystem: 'swap' } })
      await start(ctx, unshelveSaga, { server: id, host: host.id, spec: g.spec, disks, image: kept, elsewhere: asked.host ? undefined : { zone, storage, tried: [] } }, { lane: id, project: s.project })
    },
  }),
]
