import { and, eq, gt, lt } from 'drizzle-orm'
import { volumeMessage } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { isoMicros } from '../../kernel/view.ts'
import { cut, linksOf, listing, nextLink } from '../lists.ts'
import { endpoint } from '../service.ts'

type Message = typeof volumeMessage.$inferSelect
const view = (ctx: Ctx) => (m: Message) => ({
  id: m.id, event_id: `VOLUME_${m.resourceType}_${m.detail}`, user_message: `${m.action}: ${m.message}`, message_level: m.level, request_id: m.requestId, resource_type: m.resourceType, resource_uuid: m.resource,
  created_at: isoMicros(m.createdAt), guaranteed_until: isoMicros(m.expiresAt), links: linksOf(ctx, 'messages', m.id),
})
const own = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(volumeMessage.project, ctx.anyone?.project?.id ?? ''))
async function find(ctx: Ctx, id: string, rule: 'message:get' | 'message:delete') {
  const [[row]] = await ctx.read(q.select().from(volumeMessage).where(and(eq(volumeMessage.id, id), own(ctx))))
  if (!row) throw notFound('message', id, `Message ${id.slice(0, 64)} could not be found.`)
  if (!ctx.can(rule, { project: row.project })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return row
}

export default [
  endpoint({
    id: 'messages.list', method: 'GET', path: '/messages', status: 200, since: '3.3', policy: 'message:get', summary: 'List what went wrong in the background',
    async handle(ctx, { query, url }) {
      const columns = { created_at: volumeMessage.createdAt, id: volumeMessage.id, resource_type: volumeMessage.resourceType, resource_uuid: volumeMessage.resource, request_id: volumeMessage.requestId, message_level: volumeMessage.level, guaranteed_until: volumeMessage.expiresAt }
      const page = listing(ctx, query, columns)
      if (page.none) return { messages: [] }
      const { after, order } = keyset(volumeMessage, volumeMessage.id, page)
      const equal = { resource_type: volumeMessage.resourceType, resource_uuid: volumeMessage.resource, request_id: volumeMessage.requestId, message_level: volumeMessage.level } as const
      const [rows] = await ctx.read(q.select().from(volumeMessage).where(and(eq(volumeMessage.project, ctx.project), gt(volumeMessage.expiresAt, ctx.now()), ...[...query].map(([k, v]) => (k in equal ? eq(equal[k as keyof typeof equal], v) : undefined)), after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
      const shown = cut(rows, page, (r) => r.id)
      return { messages: shown.rows.map(view(ctx)), ...nextLink(ctx, url, 'messages', shown.next) }
    },
  }),
  endpoint({ id: 'messages.show', method: 'GET', path: '/messages/{id}', status: 200, since: '3.3', policy: 'message:get', summary: 'Show what went wrong', async handle(ctx, { params }) { return { message: view(ctx)(await find(ctx, params.id, 'message:get')) } } }),
  endpoint({ id: 'messages.delete', method: 'DELETE', path: '/messages/{id}', status: 204, since: '3.3', policy: 'message:delete', summary: 'Delete a message', async handle(ctx, { params }) { const row = await find(ctx, params.id, 'message:delete'); ctx.stage(q.delete(volumeMessage).where(eq(volumeMessage.id, row.id))) } }),
]

/** Messages are kept for as long as they say. */
export const messageSweep: Sweep = { name: 'volume.messages', every: 3600, async run(basis) { await basis.db.write([q.delete(volumeMessage).where(lt(volumeMessage.expiresAt, basis.world.now()))]) } }
