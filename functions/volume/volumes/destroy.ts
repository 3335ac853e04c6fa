import { and, eq, inArray, ne, notInArray, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { snapshot, volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { SILENCE } from '../../hosts/up.ts'
import { start } from '../../kernel/engine.ts'
import { invalid } from '../../kernel/fault.ts'
import { freeBackups } from '../backups/restore.saga.ts'
import deleteSaga, { forgetVolume } from './delete.saga.ts'
import snapshotDelete from '../snapshots/delete.saga.ts'
import { DELETABLE, type SnapshotRow, type VolumeRow } from './model.ts'

/** A host that can open what is kept with a volume or snapshot, the one that keeps it first; found where its row is read. */
export const holding = (ctx: Ctx, id: string, table: 'volume' | 'snapshot' = 'volume') => {
  const kept = (column: 'host' | 'storage') => sql`(select ${sql.identifier(column)} from ${sql.identifier(table)} where id = ${id})`
  return q.select({ id: host.id }).from(host).where(sql`${host.id} = ${kept('host')} or ${host.storage} = ${kept('storage')}`)
    .orderBy(sql`${host.forcedDown} or ${host.seenAt} < ${ctx.now() - SILENCE}`, sql`${host.id} <> ${kept('host')}`, host.id).limit(1)
}

export const snapshotsOf = (volumeId: string) => q.select().from(snapshot).where(eq(snapshot.volume, volumeId))

const refuse = () => invalid('Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.', { type: 'InvalidVolume' })

export interface Destroy { force?: boolean; cascade?: boolean; ofGroup?: boolean; attached?: boolean }

/** Deletes a volume whose rows were read in this unit: from every state with force, but never from under a server. */
export async function destroyVolume(ctx: Ctx, v: VolumeRow, snapshots: SnapshotRow[], hostId: string | null | undefined, options: Destroy = {}) {
  if (options.attached || v.attachStatus === 'attached') throw refuse()
  if (!options.force && !DELETABLE.includes(v.status)) throw refuse()
  if (v.group && !options.ofGroup && !options.force) throw refuse()
  if (snapshots.length && !options.cascade) throw refuse()
  if (snapshots.some((s) => !options.force && !['available', 'error', 'error_deleting', 'deleting'].includes(s.status))) throw refuse()
  const now = ctx.now(), host = hostId ?? v.host
  ctx.event('volume.delete.start', v.id, undefined, v.project)
  ctx.stage(q.update(volume).set({ status: 'deleting', previousStatus: v.status, updatedAt: now }).where(and(eq(volume.id, v.id), eq(volume.status, v.status), ne(volume.attachStatus, 'attached'))), 'stale')
  if (['creating', 'restoring-backup'].includes(v.status)) freeBackups(ctx, v.id)
  if (snapshots.length) ctx.stage(q.update(snapshot).set({ status: 'deleting', updatedAt: now }).where(inArray(snapshot.id, snapshots.map((s) => s.id))))
  // A snapshot taken meanwhile must not be lost with the volume.
  ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${snapshot} where volume = ${v.id} and ${snapshots.length ? notInArray(snapshot.id, snapshots.map((s) => s.id)) : sql`1`})`))
  for (const s of snapshots) await start(ctx, snapshotDelete, { snapshot: s.id, project: s.project, host: s.host }, { lane: s.id, supersede: true, project: s.project })
  if (!host) return forgetVolume(ctx, v.id, v.project)
  await start(ctx, deleteSaga, { volume: v.id, project: v.project, host }, { lane: v.id, supersede: true, project: v.project })
}
