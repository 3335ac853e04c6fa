import type { JobArgs } from '../../../schema/jobs.ts'
import { saga } from '../../kernel/saga.ts'
import { completeVolume, failVolume } from './use.ts'

export interface Create { volume: string; project: string; host: string; sizeGb: number; source: JobArgs<'disk.create'>['source'] }

/** A disk on its host, then the volume is there. */
export default saga<Create & Record<string, unknown>>('volume.create', { deadline: 3600 })
  .host('disk', 'disk.create', {
    on: ({ args }) => args.host,
    args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, sizeGb: args.sizeGb, source: args.source }),
    undo: ['disk.delete', ({ args }) => ({ disk: { kind: 'volume', id: args.volume } })],
  })
  .local('ready', { run: ({ ctx, args }) => completeVolume(ctx, args.volume) })
  .failed(({ ctx, args }, why) => failVolume(ctx, { id: args.volume, project: args.project }, `The volume could not be made: ${why}`))
