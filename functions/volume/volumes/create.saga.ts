import { eq } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import type { DiskRef, JobArgs } from '../../../schema/jobs.ts'
import { volume } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { enqueue, fenceLane, MAX_HOSTS } from '../../kernel/queue.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { beside, completeVolume, failVolume, hostForDisk } from './use.ts'

export type Create = {
  volume: string; project: string; host: string; sizeGb: number; source: JobArgs<'disk.create'>['source']
  /** The zone that was asked for, and hosts that have failed it. */
  zone?: string; tried?: string[]
}
const disk = ({ args }: Run<Create, any>): DiskRef => ({ kind: 'volume', id: args.volume })

/** A disk on its host, then the volume is there. */
export default saga<Create>('volume.create', { deadline: 3600 })
  .host('disk', 'disk.create', {
    on: ({ args }) => args.host,
    args: (r) => ({ disk: disk(r), sizeGb: r.args.sizeGb, source: r.args.source }),
    undo: ['disk.delete', (r) => ({ disk: disk(r) })],
  })
  .local('ready', { run: ({ ctx, args }) => completeVolume(ctx, args.volume) })
  .elsewhere(async (r, { why }) => {
    const { ctx, args } = r, tried = [...args.tried ?? [], args.host]
    if (!args.tried || tried.length >= MAX_HOSTS) return
    const from = 'disk' in args.source ? args.source.disk : undefined
    const [[left], [to]] = await ctx.read(q.select().from(host).where(eq(host.id, args.host)), hostForDisk(ctx, { gb: args.sizeGb, zone: args.zone, avoid: tried, near: from && beside(from.kind as 'volume' | 'snapshot', from.id) }))
    if (!left || !to) return
    ctx.event('volume.create.retry', args.volume, { why, host: left.id, target: to.id }, args.project)
    ctx.stage(q.update(volume).set({ host: to.id, storage: to.storage, zone: to.zone, updatedAt: ctx.now() }).where(eq(volume.id, args.volume)))
    // In a store that both open, a disk gets its name when it is whole: what may be there is what was asked for.
    if (!left.storage || left.storage !== to.storage) enqueue(ctx, { host: left.id, lane: fenceLane(args.volume), undo: true, kind: 'disk.delete', args: { disk: disk(r) } })
    return { ...args, host: to.id, tried }
  })
  .failed(({ ctx, args }, why) => failVolume(ctx, { id: args.volume, project: args.project }, `The volume could not be made: ${why}`))
