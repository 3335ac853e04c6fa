import type { Ctx } from '../../kernel/ctx.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { enqueue } from '../../kernel/queue.ts'
import { rescueDisk } from './rescue.saga.ts'
import { remains, vanish } from './vanish.ts'

/** A host that has not answered by then is not waited for: the rows go, the order stays with it until it is back. */
const PATIENCE = 90
type Gone = { server: string; host: string; rescued?: boolean }

async function forget({ ctx, args }: Run<Gone, unknown>) {
  const [[s], held] = await ctx.read(...remains(args.server))
  if (s) await vanish(ctx, s, held)
}

/** Orders that stay with the host until it has carried them out, though nobody waits for them. */
export function orderAway(ctx: Ctx, { server, host, rescued }: Gone) {
  const order = { host, lane: server, undo: true }
  enqueue(ctx, { ...order, kind: 'domain.destroy', args: { uuid: server } })
  if (rescued) enqueue(ctx, { ...order, kind: 'disk.delete', args: { disk: rescueDisk(server) } })
}

export default saga<Gone>('server.delete', { deadline: PATIENCE })
  .host('destroy', 'domain.destroy', { on: ({ args }) => args.host, args: ({ args }) => ({ uuid: args.server }) })
  .host('rescue', 'disk.delete', { when: ({ args }) => !!args.rescued, on: ({ args }) => args.host, args: ({ args }) => ({ disk: rescueDisk(args.server) }) })
  .local('forget', { run: forget })
  .failed(async (r) => {
    await forget(r)
    orderAway(r.ctx, r.args)
  })
