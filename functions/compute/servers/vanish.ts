import { eq } from 'drizzle-orm'
import { pastServer, server, serverGuest } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { releasePorts } from '../../network/ports/plan.ts'
import { stageRelease } from '../../placement/claim.ts'
import { attachmentsOf, releaseVolume } from '../../volume/volumes/use.ts'
import { discardVolume } from '../../volume/volumes/discard.ts'
import type { Server } from './model.ts'
import { cutMoves, settleMove } from './moves/model.ts'

/** What a server leaves behind when it goes, read before it goes. */
export const remains = (id: string) => [q.select().from(server).where(eq(server.id, id)), attachmentsOf([id])] as const
export type Held = Awaited<ReturnType<typeof attachmentsOf>>

/** Takes every trace of a server out of the rows, in one batch; what is to be remembered of it is. */
export async function vanish(ctx: Ctx, s: Server, held: Held) {
  const now = ctx.now()
  releasePorts(ctx, s.id)
  for (const { attachment, volume } of held) {
    releaseVolume(ctx, volume.id, s.id)
    if (attachment.deleteOnTermination) await discardVolume(ctx, volume)
  }
  stageRelease(ctx, s.id)
  settleMove(ctx, s.id, 'confirmed')
  cutMoves(ctx, s.id, 'cancelled')
  ctx.stage(q.delete(serverGuest).where(eq(serverGuest.server, s.id)))
  ctx.stage(q.insert(pastServer).values({ id: s.id, project: s.project, deletedAt: now, launchedAt: s.launchedAt, row: s }).onConflictDoNothing())
  ctx.stage(q.delete(server).where(eq(server.id, s.id)))
  ctx.event('compute.instance.delete.end', s.id, undefined, s.project)
}
