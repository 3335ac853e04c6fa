import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { attachment } from '../../../../schema/volume.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q } from '../../../kernel/db.ts'
import { invalid } from '../../../kernel/fault.ts'
import { closed } from '../../lists.ts'
import type { VolumeRow } from '../model.ts'
import type { Whole } from '../view.ts'
import { action, change, demandStatus, nothing, notComputes } from './action.ts'

const rule = 'volume_extension:volume_actions:attach' as const
const name = t.Union([t.String({ maxLength: 255 }), t.Null()])

const reserve = action('os-reserve', rule, 'Take a volume for a server', nothing, (ctx, { volume: v }) => {
  demandStatus(v, ['available'], 'reserve')
  change(ctx, v, { status: 'attaching', previousStatus: 'available' })
  const now = ctx.now()
  ctx.stage(q.insert(attachment).values({ id: ctx.uuid(), volume: v.id, project: v.project, server: null, status: 'reserved', mode: v.readonly ? 'ro' : 'rw', createdAt: now, updatedAt: now }))
})
const unreserve = action('os-unreserve', rule, 'Give a reserved volume back', nothing, (ctx, { volume: v, attachment: a }) => {
  notComputes(ctx, a)
  if (v.status !== 'attaching' && v.status !== 'reserved') return
  change(ctx, v, { status: 'available', previousStatus: null })
  ctx.stage(q.delete(attachment).where(eq(attachment.volume, v.id)))
})

/** A record of use outside the compute service; no host acts on it. */
const attach = action('os-attach', rule, 'Record that a volume is attached', t.Object({ instance_uuid: t.Optional(name), host_name: t.Optional(name), mountpoint: t.String({ minLength: 1, maxLength: 255 }), mode: t.Optional(t.Union([t.Enum(['rw', 'ro']), t.Null()])) }, closed),
  (ctx, { volume: v, attachment: a }, ask) => {
    if (!ask.instance_uuid && !ask.host_name) throw invalid('Invalid request to attach volume to an invalid target: instance_uuid or host_name is needed.')
    if (ask.instance_uuid && !/^[0-9a-f-]{36}$/i.test(ask.instance_uuid)) throw invalid('Invalid request to attach volume to an invalid target: instance_uuid is not a UUID.')
    notComputes(ctx, a)
    demandStatus(v, ['available', 'attaching'], 'attach')
    if (v.readonly && ask.mode === 'rw') throw invalid(`Invalid attaching mode 'rw' for read-only volume ${v.id}.`)
    const now = ctx.now()
    change(ctx, v, { status: 'in-use', attachStatus: 'attached', previousStatus: null })
    ctx.stage(q.delete(attachment).where(eq(attachment.volume, v.id)))
    ctx.stage(q.insert(attachment).values({ id: ctx.uuid(), volume: v.id, project: v.project, server: ask.instance_uuid ?? null, status: 'attached', device: ask.mountpoint, mode: v.readonly ? 'ro' : ask.mode ?? 'rw', host: null, connector: ask.host_name ? { host: ask.host_name } : null, compute: false, attachedAt: now, createdAt: now, updatedAt: now }))
    ctx.event('volume.attach.end', v.id, { server: ask.instance_uuid }, v.project)
  })

function free(ctx: Ctx, v: VolumeRow, a: Whole['attachment'], asked: string | null | undefined) {
  if (asked && a?.id !== asked) throw invalid(`Invalid input received: Volume ${v.id} is not attached by attachment ${asked}.`)
  notComputes(ctx, a)
  ctx.stage(q.delete(attachment).where(eq(attachment.volume, v.id)))
  ctx.event('volume.detach.end', v.id, undefined, v.project)
}
const detach = action('os-detach', rule, 'Record that a volume is detached', t.Object({ attachment_id: t.Optional(name) }, closed), (ctx, { volume: v, attachment: a }, ask) => {
  // Detached already is as good.
  if (v.status === 'available' && !a) return
  demandStatus(v, ['in-use', 'detaching'], 'detach')
  free(ctx, v, a, ask.attachment_id)
  change(ctx, v, { status: 'available', attachStatus: 'detached', previousStatus: null })
})
const forceDetach = action('os-force_detach', 'volume_extension:admin_actions', 'Forget an attachment', t.Object({ attachment_id: t.Optional(name), connector: t.Optional(t.Union([t.Object({}), t.Null()])) }, closed), (ctx, { volume: v, attachment: a }, ask) => {
  free(ctx, v, a, ask.attachment_id)
  change(ctx, v, { status: 'available', attachStatus: 'detached', previousStatus: null })
})
const begin = action('os-begin_detaching', rule, 'Say that a detach has begun', nothing, (ctx, { volume: v, attachment: a }) => {
  notComputes(ctx, a)
  demandStatus(v, ['in-use'], 'begin detaching')
  change(ctx, v, { status: 'detaching', previousStatus: 'in-use' })
})
const roll = action('os-roll_detaching', rule, 'Say that a detach did not happen', nothing, (ctx, { volume: v, attachment: a }) => {
  notComputes(ctx, a)
  if (v.status === 'detaching') change(ctx, v, { status: 'in-use', previousStatus: null })
})

/** There is nothing to connect to over a network: a host that shares the storage opens the disk by its id. */
export const connection = (v: VolumeRow) => ({ driver_volume_type: 'virga', data: { volume_id: v.id, storage: v.storage, access_mode: v.readonly ? 'ro' : 'rw', encrypted: false, qos_specs: null } })
const connector = t.Object({ connector: t.Union([t.Object({}), t.Null()]) })
const initialize = action('os-initialize_connection', rule, 'Say how a volume is reached', connector, (_, { volume: v }) => ({ connection_info: connection(v) }), { status: 200 })
const terminate = action('os-terminate_connection', rule, 'End a connection to a volume', connector, (ctx, { attachment: a }) => notComputes(ctx, a))

export default [reserve, unreserve, attach, detach, forceDetach, begin, roll, initialize, terminate]
