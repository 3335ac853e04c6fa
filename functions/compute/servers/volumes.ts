import { Type as t } from 'typebox'
import { host } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { attachmentsOf, beginDetach, onlyDevice, reserveVolume, updateAttachment, volumesQuery, type VolumeRow } from '../../volume/volumes/use.ts'
import { endpoint } from '../service.ts'
import { bool, closed, tag, truth, uuid } from '../shapes.ts'
import attach from './attach.saga.ts'
import { gripOf, gripReads, timeline } from './grip.ts'
import { mine, power, serverQuery, type Server } from './model.ts'
import { nextDevice, ownDisks, rootOnVolume, volumeBusOf, volumeDisk } from './spec.ts'
import { joins } from './verbs.ts'

const path = '/servers/{server}/os-volume_attachments'
type Attachment = Awaited<ReturnType<typeof attachmentsOf>>[number]['attachment']

function view(ctx: Ctx, a: Pick<Attachment, 'id' | 'volume' | 'server' | 'device' | 'tag' | 'deleteOnTermination'>, list = true) {
  return {
    ...(ctx.version < 2089 ? { id: a.volume } : list ? { attachment_id: a.id, bdm_uuid: a.id } : {}), volumeId: a.volume, serverId: a.server, device: a.device,
    ...(ctx.version >= 2070 ? { tag: a.tag } : {}), ...(ctx.version >= 2079 ? { delete_on_termination: a.deleteOnTermination } : {}),
  }
}
const hot = (s: Server) => s.power === power.running || s.power === power.paused

export async function attachVolume(ctx: Ctx, id: string, b: { volumeId: string; device?: string | null; tag?: string; deleteOnTermination?: boolean }) {
  const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], volumesQuery(ctx, [b.volumeId]), q.select({ id: host.id, storage: host.storage }).from(host)) as unknown[][]
  const g = gripOf(ctx, id, 'attachVolume', read), s = g.server, v = (read[3] as { volume: VolumeRow }[])[0]?.volume
  if (!v) throw notFound('volume', b.volumeId, `Volume ${b.volumeId} could not be found.`)
  if (g.held.some((h) => h.volume === v.id)) throw conflict(`Volume ${v.id} is already attached to instance ${id}`, { status: 400 })
  const store = (read[4] as { id: string; storage: string | null }[]).find((h) => h.id === s.host)?.storage
  if (v.host !== s.host && (!v.storage || v.storage !== store)) throw invalid(`Invalid volume: Volume ${v.id} is kept on another host than instance ${id}, and the two share no storage.`)
  const taken = [...ownDisks(s, rootOnVolume(g.held)).map((d) => d.device), ...g.held.map((h) => h.device ?? '')]
  const asked = /^(?:\/dev\/)?([vsh]d[a-z])$/.exec(b.device ?? '')?.[1]
  const device = asked && !taken.some((d) => d.replace('/dev/', '') === asked) ? asked : nextDevice(taken, volumeBusOf(s.imageProperties))
  if (!device) throw invalid(`Instance ${id} has no device name left for another volume.`)
  const attachment = reserveVolume(ctx, v, { server: id, device: `/dev/${device}`, deleteOnTermination: b.deleteOnTermination, tag: b.tag, host: s.host })
  onlyDevice(ctx, id, `/dev/${device}`)
  joins(ctx, s)
  timeline(ctx, s, 'attachVolume', { volume: v.id })
  await start(ctx, attach, { server: id, host: s.host, hot: hot(s), join: true, disk: volumeDisk({ volume: v.id, device, bootIndex: null }, s.imageProperties) }, { lane: v.id, project: s.project })
  return { id: attachment, volume: v.id, server: id, device: `/dev/${device}`, tag: b.tag ?? null, deleteOnTermination: b.deleteOnTermination ?? false }
}

export async function detachVolume(ctx: Ctx, id: string, volume: string) {
  const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], volumesQuery(ctx, [volume])) as unknown[][]
  const g = gripOf(ctx, id, 'detachVolume', read), s = g.server, v = (read[3] as { volume: VolumeRow }[])[0]?.volume, held = g.held.find((h) => h.volume === volume)
  if (!v || !held) throw notFound('volume attachment', volume, `Volume ${volume} is not attached to instance ${id}.`)
  if (held.bootIndex === 0) throw forbidden('Cannot detach a root device volume')
  beginDetach(ctx, v, id)
  joins(ctx, s)
  timeline(ctx, s, 'detachVolume', { volume })
  await start(ctx, attach, { server: id, host: s.host ?? v.host ?? '', hot: hot(s), join: false, disk: volumeDisk(held, s.imageProperties) }, { lane: volume, project: s.project })
}

const body = (more = {}) => t.Object({ volumeAttachment: t.Object({ volumeId: uuid, device: t.Optional(t.Union([t.String({ minLength: 1, maxLength: 255, pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$' }), t.Null()])), ...more }, closed) }, closed)
const tagged = { tag: t.Optional(tag) }

async function one(ctx: Ctx, server: string, volume: string, rule: 'show' | 'update') {
  const [rows, held] = await ctx.read(serverQuery(ctx, server), attachmentsOf([server]))
  mine(ctx, rows, server, `os_compute_api:os-volumes-attachments:${rule}`)
  const found = held.find((h) => h.attachment.volume === volume)
  if (!found) throw notFound('volume attachment', volume, `Instance ${server} is not attached to volume ${volume}`)
  return found.attachment
}

export default [
  endpoint({
    id: 'servers.volumes.list', method: 'GET', path, status: 200, summary: "List a server's volumes", policy: 'os_compute_api:os-volumes-attachments:index',
    async handle(ctx, { params, query }) {
      const [rows, held] = await ctx.read(serverQuery(ctx, params.server), attachmentsOf([params.server]))
      mine(ctx, rows, params.server, 'os_compute_api:os-volumes-attachments:index')
      const from = Number(query.get('offset') ?? 0) || 0, limit = query.has('limit') ? Number(query.get('limit')) : 1000
      if (!Number.isInteger(limit) || limit < 0 || from < 0) throw invalid('Invalid input for query parameters limit and offset: they must be non-negative integers.')
      return { volumeAttachments: held.slice(from, from + limit).map((h) => view(ctx, h.attachment)) }
    },
  }),
  endpoint({
    id: 'servers.volumes.attach', method: 'POST', path, status: 200, summary: 'Attach a volume to a server', policy: 'os_compute_api:os-volumes-attachments:create',
    body: { '2.1': body(), '2.49': body(tagged), '2.79': body({ ...tagged, delete_on_termination: t.Optional(bool) }) },
    async handle(ctx, { params, body: { volumeAttachment: b } }) {
      const made = await attachVolume(ctx, params.server, { volumeId: b.volumeId.toLowerCase(), device: b.device, tag: (b as { tag?: string }).tag, deleteOnTermination: truth((b as { delete_on_termination?: unknown }).delete_on_termination) })
      return { volumeAttachment: view(ctx, made, ctx.version >= 2089) }
    },
  }),
  endpoint({
    id: 'servers.volumes.show', method: 'GET', path: `${path}/{volume}`, status: 200, summary: "Show one of a server's volumes", policy: 'os_compute_api:os-volumes-attachments:show',
    async handle(ctx, { params }) { return { volumeAttachment: view(ctx, await one(ctx, params.server, params.volume, 'show')) } },
  }),
  endpoint({
    id: 'servers.volumes.update', method: 'PUT', path: `${path}/{volume}`, status: 202, summary: "Change what happens to a server's volume when the server goes", policy: 'os_compute_api:os-volumes-attachments:update',
    body: { '2.1': t.Object({ volumeAttachment: t.Object({ volumeId: uuid }, closed) }, closed), '2.85': t.Object({ volumeAttachment: t.Object({ volumeId: uuid, device: t.Optional(t.Union([t.String(), t.Null()])), tag: t.Optional(t.String()), delete_on_termination: t.Optional(bool), serverId: t.Optional(uuid), id: t.Optional(uuid) }, closed) }, closed) },
    async handle(ctx, { params, body: { volumeAttachment: b } }) {
      const a = await one(ctx, params.server, params.volume, 'update')
      if (b.volumeId !== params.volume) {
        ctx.may('os_compute_api:os-volumes-attachments:swap')
        const [[other]] = await ctx.read(volumesQuery(ctx, [b.volumeId]))
        if (!other) throw notFound('volume', b.volumeId, `Volume ${b.volumeId} could not be found.`, { status: 400 })
        throw conflict('Swapping an attached volume for another is not available in this cloud: detach the one and attach the other.')
      }
      const more = b as { delete_on_termination?: unknown; device?: string; tag?: string; serverId?: string }
      if (ctx.version < 2085) throw invalid(`The volume ${b.volumeId} is the one that is attached.`)
      if ((more.device && more.device !== a.device) || (more.tag && more.tag !== a.tag) || (more.serverId && more.serverId !== params.server)) throw invalid('Only delete_on_termination of an attachment can be changed.')
      if (more.delete_on_termination !== undefined) updateAttachment(ctx, a.id, { deleteOnTermination: truth(more.delete_on_termination) })
    },
  }),
  endpoint({
    id: 'servers.volumes.detach', method: 'DELETE', path: `${path}/{volume}`, status: 202, summary: 'Detach a volume from a server', policy: 'os_compute_api:os-volumes-attachments:delete',
    handle: (ctx, { params }) => detachVolume(ctx, params.server, params.volume),
  }),
]
