import { eq } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { server } from '../../../schema/compute.ts'
import { isUp } from '../../hosts/up.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start, supersede } from '../../kernel/engine.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { endpoint, type Rule } from '../service.ts'
import { change, mine, serverQuery, unlocked } from './model.ts'
import { clearAway, lastMove, leftBehind, placesOf, sharesAll } from './moves/model.ts'
import remove, { orderAway } from './remove.saga.ts'
import { abandon, unwritten } from './unwritten.ts'
import { vanish } from './vanish.ts'

/** Works from every state: whatever else was being done to the server is superseded. */
export async function deleteServer(ctx: Ctx, id: string, rule: Rule = 'os_compute_api:servers:delete') {
  const [rows, held, [move], places, [on], images] = await ctx.read(serverQuery(ctx, id), attachmentsOf([id]), lastMove(id), placesOf(id),
    q.select({ seenAt: host.seenAt, forcedDown: host.forcedDown }).from(host).innerJoin(server, eq(server.host, host.id)).where(eq(server.id, id)), unwritten(id))
  const s = mine(ctx, rows, id, rule)
  unlocked(ctx, s)
  if (s.task === 'deleting') return
  ctx.event('compute.instance.delete.start', id, undefined, s.project)
  abandon(ctx, images, 'The server was deleted.')
  const rescued = s.state === 'rescued' || s.state === 'error'
  // What it has on a second host goes as well, whenever that host is told.
  const other = places.find((p) => p.id === s.otherHost), now = places.find((p) => p.id === s.host)
  if (other && now && move) clearAway(ctx, { server: id, host: other.id, move: move.uuid, ...leftBehind(id, sharesAll(other, now), move.disks) })
  if (s.host && on && isUp(on, ctx.now())) {
    change(ctx, s, { task: 'deleting' })
    await start(ctx, remove, { server: id, host: s.host, rescued }, { lane: id, supersede: true, project: s.project })
    return
  }
  supersede(ctx, id)
  if (s.host) orderAway(ctx, { server: id, host: s.host, rescued })
  await vanish(ctx, s, held)
}

export default endpoint({
  id: 'servers.delete', method: 'DELETE', path: '/servers/{server}', status: 204, summary: 'Delete a server', policy: 'os_compute_api:servers:delete',
  handle: (ctx, { params }) => deleteServer(ctx, params.server),
})
