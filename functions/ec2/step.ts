import { doorbell } from '../hosts/signed.ts'
import { Ctx, unit } from '../kernel/ctx.ts'

/** Requests that are only to be tried; thrown where they would have begun to write. */
export const dry = new WeakSet<Ctx>()
export class Dry extends Error {}

/**
 * A unit of its own within a request, for what the next step has to see. What comes along with a request's writing (the
 * signature is spent) comes with the first of them. With DryRun the first step is as far as it goes.
 */
export async function step<T>(ctx: Ctx, work: (inner: Ctx) => Promise<T>): Promise<T> {
  if (dry.has(ctx)) { await work(new Ctx(ctx.basis, ctx)); throw new Dry() }
  const { out } = await unit({ ...ctx.basis }, work, async (host, gently) => { await doorbell(ctx, host)?.fetch(`http://doorbell/${gently ? 'nudge' : 'ring'}`) })
  ctx.basis.along = undefined
  return out
}
