import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { attachment, volumeType } from '../../../../schema/volume.ts'
import { q } from '../../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../../kernel/fault.ts'
import { closed, isTrue, truth } from '../../lists.ts'
import { endpoint } from '../../service.ts'
import { unmet } from '../../types/capable.ts'
import { STATUSES } from '../model.ts'
import { typeQuery } from '../use.ts'
import { allowed, oneVolume, type Whole } from '../view.ts'
import { action, change, demandStatus, nothing } from './action.ts'

const admin = 'volume_extension:admin_actions' as const
const word = t.Union([t.String({ maxLength: 255 }), t.Null()])

const bootable = action('os-set_bootable', 'volume:update', 'Say whether a volume can be booted from', t.Object({ bootable: truth }, closed), (ctx, { volume: v }, ask) => change(ctx, v, { bootable: isTrue(ask.bootable) }), { status: 200 })
const readonly = action('os-update_readonly_flag', 'volume:update_readonly_flag', 'Make a volume read-only, or not', t.Object({ readonly: truth }, closed), (ctx, { volume: v }, ask) => {
  demandStatus(v, ['available'], 'update readonly flag')
  change(ctx, v, { readonly: isTrue(ask.readonly), metadata: { ...v.metadata, readonly: isTrue(ask.readonly) ? 'True' : 'False' } })
})

/** An operator's word against the database's: no host is asked. */
const reset = action('os-reset_status', admin, 'Write a volume\'s status', t.Object({ status: t.Optional(t.Union([t.Enum(STATUSES), t.Null()])), attach_status: t.Optional(t.Union([t.Enum(['detached', 'attached']), t.Null()])), migration_status: t.Optional(word) }, closed),
  (ctx, { volume: v, attachment: a }, ask) => {
    if (!ask.status && !ask.attach_status && !ask.migration_status) throw invalid('Must specify \'status\', \'attach_status\' or \'migration_status\' for update.')
    if (ask.attach_status === 'detached' && a?.compute) throw conflict(`Volume ${v.id} is held by server ${a.server}; detach it there.`)
    change(ctx, v, { ...(ask.status ? { status: ask.status, previousStatus: null } : {}), ...(ask.attach_status ? { attachStatus: ask.attach_status } : {}), ...(ask.migration_status ? { migrationStatus: ask.migration_status === 'none' ? null : ask.migration_status } : {}) })
    if (ask.attach_status === 'detached') ctx.stage(q.delete(attachment).where(eq(attachment.volume, v.id)))
    ctx.event('volume.reset_status', v.id, { status: ask.status ?? v.status }, v.project)
  })

const retype = endpoint({
  id: 'volumes.retype', method: 'POST', path: '/volumes/{id}/action', key: 'os-retype', status: 202, policy: 'volume:retype', summary: 'Give a volume another type',
  body: { '3.0': t.Object({ 'os-retype': t.Object({ new_type: t.String({ minLength: 1, maxLength: 255 }), migration_policy: t.Optional(t.Union([t.Enum(['never', 'on-demand']), t.Null()])) }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const ask = body['os-retype']
    const [rows, types, [now]] = await ctx.read(oneVolume(ctx, params.id), typeQuery(ctx, ask.new_type), q.select({ encryption: volumeType.encryption }).from(volumeType).where(sql`${volumeType.id} = (select type from volume where id = ${params.id})`))
    const { volume: v } = allowed(ctx, rows as Whole[], params.id, 'volume:retype')
    if (!types.length) throw notFound('volume type', ask.new_type, `Volume type ${ask.new_type} could not be found.`)
    demandStatus(v, ['available', 'in-use'], 'retype')
    if (types[0].id === v.type) throw invalid(`Invalid input received: Retype requires a new type; volume ${v.id} has type ${ask.new_type} already.`)
    if (types[0].encryption || now?.encryption) throw invalid('Invalid input received: retyping to or from an encrypted type is not offered.')
    const lacking = unmet(types[0].extraSpecs)
    if (lacking) throw invalid(`Invalid input received: no host offers ${lacking}.`)
    // All hosts keep disks alike: nothing moves.
    change(ctx, v, { type: types[0].id })
    ctx.event('volume.retype', v.id, { type: types[0].name }, v.project)
  },
})

const setImage = action('os-set_image_metadata', 'volume_extension:volume_image_metadata', 'Change what a volume remembers of its image', t.Object({ metadata: t.Record(t.String({ minLength: 1, maxLength: 255 }), t.String({ maxLength: 255 })) }, closed), (ctx, { volume: v }, ask) => {
  const imageMeta = { ...v.imageMeta, ...ask.metadata }
  if (Object.keys(imageMeta).length > 128) throw invalid('At most 128 items of image metadata are kept.')
  change(ctx, v, { imageMeta })
  return { metadata: imageMeta }
}, { status: 200 })
const unsetImage = action('os-unset_image_metadata', 'volume_extension:volume_image_metadata', 'Forget an item of a volume\'s image', t.Object({ key: t.String({ minLength: 1, maxLength: 255 }) }, closed), (ctx, { volume: v }, ask) => {
  if (!v.imageMeta || !(ask.key in v.imageMeta)) throw notFound('metadata', ask.key, `Metadata item was not found: ${ask.key}`)
  const { [ask.key]: _, ...rest } = v.imageMeta
  change(ctx, v, { imageMeta: rest })
}, { status: 200 })
const showImage = action('os-show_image_metadata', 'volume_extension:volume_image_metadata', 'Show what a volume remembers of its image', nothing, (_, { volume: v }) => ({ metadata: v.imageMeta ?? {} }), { status: 200 })

/** Disks stay where they were made; hosts that share a storage all reach them. */
const no = (what: string) => () => { throw invalid(`Invalid volume: ${what} is not offered: a volume stays with the storage it was made in.`) }
const anything = t.Union([t.Object({}), t.Null()])
const migrate = action('os-migrate_volume', admin, 'Move a volume (not offered)', anything, no('moving a volume between storages'))
const migrated = action('os-migrate_volume_completion', admin, 'End a move (not offered)', anything, no('moving a volume between storages'), { status: 200 })
const unmanage = action('os-unmanage', admin, 'Forget a volume and keep its disk (not offered)', anything, no('leaving a disk behind without a volume'))

export default [bootable, readonly, reset, retype, setImage, unsetImage, showImage, migrate, migrated, unmanage]
