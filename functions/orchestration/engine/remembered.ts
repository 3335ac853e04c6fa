import { eq } from 'drizzle-orm'
import { stackSnapshot } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { invoke, type Invocation } from '../../kernel/invoke.ts'
import type { Caller } from '../../kernel/policy.ts'
import { typeNamed } from '../types/index.ts'

/** What one resource remembers for a snapshot of its stack, and of which type it was then. */
export type Remembered = Record<string, unknown> & { $type?: string }
type Snapshot = Pick<typeof stackSnapshot.$inferSelect, 'id' | 'data'>

/** A snapshot goes, and with it the images and volume snapshots it was made of; those that went before are no trouble. */
export async function forgetSnapshot(ctx: Ctx, caller: Caller, snapshot: Snapshot): Promise<void> {
  const call = async (to: Invocation) => { try { await invoke(ctx, caller, to) } catch (e) { if (!(e instanceof Fault) || e.kind !== 'notFound') throw e } }
  for (const kept of Object.values(snapshot.data) as Remembered[]) if (kept.$type) await (await typeNamed(kept.$type))?.forget?.(call, kept)
  ctx.stage(q.delete(stackSnapshot).where(eq(stackSnapshot.id, snapshot.id)))
}

/** The same with all a stack has, when it goes itself: what will not go stays, and does not keep the stack. */
export async function forgetSnapshots(ctx: Ctx, caller: Caller, stack: string): Promise<void> {
  const [snapshots] = await ctx.read(q.select({ id: stackSnapshot.id, data: stackSnapshot.data }).from(stackSnapshot).where(eq(stackSnapshot.stack, stack)))
  for (const snapshot of snapshots) {
    const mark = ctx.mark()
    try { await forgetSnapshot(ctx, caller, snapshot) } catch (e) {
      if (!(e instanceof Fault) || e.kind === 'unavailable') throw e
      ctx.cut(mark)
      ctx.event('stack.snapshot.stays', stack, { snapshot: snapshot.id, why: e.message })
      ctx.stage(q.delete(stackSnapshot).where(eq(stackSnapshot.id, snapshot.id)))
    }
  }
}
