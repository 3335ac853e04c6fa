import { and, eq } from 'drizzle-orm'
import { consoleToken, server } from '../../schema/compute.ts'
import { ask } from '../hosts/ask.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { forbidden, invalid, notFound, unavailable } from '../kernel/fault.ts'
import { hashed } from '../kernel/secrets.ts'
import { meeting } from './meeting.ts'
import { endpoint } from './service.ts'

/** Whose pages may connect: ours and the dashboards'. */
export const origins = (ctx: Ctx) => [...new Set([ctx.env.PUBLIC_URL ?? ctx.origin, ctx.origin, ...(ctx.env.TRUSTED_DASHBOARDS?.split(',') ?? [])].flatMap((url) => (URL.canParse(url.trim()) ? [new URL(url.trim()).origin] : [])))]

/** Takes a way to a console: the token is gone with it, and the server's host is asked to come. */
export default endpoint({
  id: 'connect', method: 'GET', path: '/websockify', status: 101, policy: 'public', raw: true, summary: 'A WebSocket to the screen or serial line of a server, by its one-use token',
  async handle(ctx, { query, request }) {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') throw invalid('Only a WebSocket leads there.')
    const origin = request.headers.get('origin')
    if (origin !== null && !origins(ctx).includes(origin)) throw forbidden('Pages from elsewhere may not connect.')
    const hash = hashed(query.get('token') ?? '')
    const [[row]] = await ctx.read(q.select({ token: consoleToken }).from(consoleToken)
      .innerJoin(server, and(eq(server.id, consoleToken.server), eq(server.host, consoleToken.host))).where(eq(consoleToken.hash, hash)))
    if (!row || row.token.expiresAt < ctx.now()) throw notFound('console', '', 'It was used, is too old, or its server is no more where it was: ask for a new one.')
    const session = ctx.uuid(), at = meeting(ctx, session), { host, server: uuid, type } = row.token
    if (!at) throw unavailable('This cloud has no place where people and hosts meet.')
    ctx.stage(q.delete(consoleToken).where(eq(consoleToken.hash, hash)), 'stale')
    ctx.about(uuid)
    const { webSocket } = await at.wait(host) as Response & { webSocket: unknown }
    ctx.afterCommit(() => ask(ctx, host, 'domain.screen', { uuid, type, session }).catch((e: Error) => at.leave(e.message.slice(0, 100))))
    const protocol = request.headers.get('sec-websocket-protocol')?.split(',').map((p) => p.trim()).includes('binary')
    return new Response(null, { status: 101, webSocket, headers: protocol ? { 'sec-websocket-protocol': 'binary' } : {} } as ResponseInit)
  },
})
