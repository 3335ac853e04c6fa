import { and, eq, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { attachment, volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { isoMicros } from '../../kernel/view.ts'
import { closed, cut, listing, nextLink, tenants } from '../lists.ts'
import { endpoint } from '../service.ts'
import { change, notComputes } from '../volumes/actions/action.ts'
import { connection } from '../volumes/actions/attach.ts'
import { withoutOffset } from '../volumes/list.ts'
import type { AttachmentRow, VolumeRow } from '../volumes/model.ts'
import { allowed as allowedVolume, oneVolume, type Whole } from '../volumes/view.ts'

onDuplicate('attachment.volume', () => conflict('The volume is attached or reserved already.', { status: 400 }))
const brief = (a: AttachmentRow) => ({ id: a.id, status: a.status, instance: a.server, volume_id: a.volume })
const detailed = (a: AttachmentRow, v: VolumeRow) => ({
  ...brief(a), attached_at: a.attachedAt ? isoMicros(a.attachedAt) : '', detached_at: '', attach_mode: a.mode, connection_info: a.connector || a.compute ? connection(v) : {},
})
const own = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(attachment.project, ctx.anyone?.project?.id ?? ''))
const both = (where: SQL | undefined) => q.select({ a: attachment, v: volume }).from(attachment).innerJoin(volume, eq(volume.id, attachment.volume)).where(where)
async function find(ctx: Ctx, id: string, rule: string) {
  const [[row]] = await ctx.read(both(and(eq(attachment.id, id), own(ctx))))
  if (!row) throw notFound('attachment', id, `Volume attachment could not be found with filter: attachment_id = ${id.slice(0, 64)}.`)
  if (!ctx.can(rule, { project: row.a.project })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return row
}

const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, { created_at: attachment.createdAt, id: attachment.id, status: attachment.status })
  if (page.none) return { attachments: [] }
  const equal = { volume_id: attachment.volume, instance_id: attachment.server, status: attachment.status, attach_status: attachment.status } as const
  const { after, order } = keyset(attachment, attachment.id, page)
  const [rows] = await ctx.read(both(and(tenants(ctx, query, attachment.project), ...[...query].map(([k, v]) => k in equal ? eq(equal[k as keyof typeof equal], v as never) : undefined), after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
  const shown = cut(rows, page, (r) => r.a.id)
  return { attachments: shown.rows.map(({ a, v }) => detail ? detailed(a, v) : brief(a)), ...nextLink(ctx, withoutOffset(url), 'attachments', shown.next) }
}
const at = { since: '3.27' } as const
const get = { ...at, method: 'GET', status: 200, policy: 'volume:attachment_get' } as const
export const list = endpoint({ ...get, id: 'attachments.list', path: '/attachments', summary: 'List attachments', handle: lists(false) })
export const detail = endpoint({ ...get, id: 'attachments.detail', path: '/attachments/detail', summary: 'List attachments with how they are reached', handle: lists(true) })
export const show = endpoint({ ...get, id: 'attachments.show', path: '/attachments/{id}', summary: 'Show an attachment', async handle(ctx, { params }) { const { a, v } = await find(ctx, params.id, 'volume:attachment_get'); return { attachment: detailed(a, v) } } })

const connector = t.Union([t.Object({}), t.Null()])
const fields = { volume_uuid: t.String({ maxLength: 64 }), instance_uuid: t.Optional(t.Union([t.String({ pattern: '^[0-9a-fA-F-]{32,36}$' }), t.Null()])), connector: t.Optional(connector) }
export const create = endpoint({
  ...at, id: 'attachments.create', method: 'POST', path: '/attachments', status: 200, policy: 'volume:attachment_create', summary: 'Take a volume for a server',
  body: { '3.27': t.Object({ attachment: t.Object(fields, closed) }, closed), '3.54': t.Object({ attachment: t.Object({ ...fields, mode: t.Optional(t.Enum(['rw', 'ro'])) }, closed) }, closed) },
  async handle(ctx, { body }) {
    const ask = body.attachment as { volume_uuid: string; instance_uuid?: string | null; connector?: Record<string, unknown> | null; mode?: 'rw' | 'ro' }
    const [rows] = await ctx.read(oneVolume(ctx, ask.volume_uuid))
    const { volume: v, attachment: held } = allowedVolume(ctx, rows as Whole[], ask.volume_uuid, 'volume:attachment_create')
    if (held || !['available', 'downloading'].includes(v.status)) throw invalid(`Invalid volume: Volume ${v.id} status must be available or downloading to reserve, but the current status is ${v.status}.`)
    const now = ctx.now(), joined = ask.connector && Object.keys(ask.connector).length > 0
    const row: AttachmentRow = { id: ctx.uuid(), volume: v.id, project: v.project, server: ask.instance_uuid ?? null, status: joined ? 'attaching' : 'reserved', device: null, mode: v.readonly ? 'ro' : ask.mode ?? 'rw', host: null, compute: false, connector: joined ? ask.connector! : null, deleteOnTermination: false, tag: null, bootIndex: null, attachedAt: null, createdAt: now, updatedAt: now }
    change(ctx, v, { status: joined ? 'attaching' : 'reserved', previousStatus: v.status })
    ctx.stage(q.insert(attachment).values(row))
    ctx.about(row.id)
    return { attachment: detailed(row, v) }
  },
})
export const update = endpoint({
  ...at, id: 'attachments.update', method: 'PUT', path: '/attachments/{id}', status: 200, policy: 'volume:attachment_update', summary: 'Say from where a volume is reached',
  body: { '3.27': t.Object({ attachment: t.Object({ connector: t.Object({}) }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const { a, v } = await find(ctx, params.id, 'volume:attachment_update')
    notComputes(ctx, a)
    const set = { connector: body.attachment.connector as Record<string, unknown>, status: a.status === 'attached' ? a.status : 'attaching' as const, updatedAt: ctx.now() }
    ctx.stage(q.update(attachment).set(set).where(eq(attachment.id, a.id)), 'stale')
    if (v.status === 'reserved') change(ctx, v, { status: 'attaching' })
    return { attachment: detailed({ ...a, ...set }, v) }
  },
})
export const complete = endpoint({
  id: 'attachments.complete', method: 'POST', path: '/attachments/{id}/action', key: 'os-complete', since: '3.44', status: 204, policy: 'volume:attachment_complete', summary: 'Say that an attachment is made',
  async handle(ctx, { params }) {
    const { a, v } = await find(ctx, params.id, 'volume:attachment_complete')
    notComputes(ctx, a)
    if (!['attaching', 'reserved', 'attached'].includes(a.status)) throw invalid(`Invalid attachment: ${a.id} is ${a.status}.`)
    ctx.stage(q.update(attachment).set({ status: 'attached', attachedAt: a.attachedAt ?? ctx.now(), updatedAt: ctx.now() }).where(eq(attachment.id, a.id)), 'stale')
    change(ctx, v, { status: 'in-use', attachStatus: 'attached', previousStatus: null })
  },
})
export const remove = endpoint({
  ...at, id: 'attachments.delete', method: 'DELETE', path: '/attachments/{id}', status: 200, policy: 'volume:attachment_delete', summary: 'Give a volume back',
  async handle(ctx, { params }) {
    const { a, v } = await find(ctx, params.id, 'volume:attachment_delete')
    notComputes(ctx, a)
    ctx.stage(q.delete(attachment).where(eq(attachment.id, a.id)), 'stale')
    change(ctx, v, { ...(['reserved', 'attaching', 'in-use', 'detaching'].includes(v.status) ? { status: 'available' } : {}), attachStatus: 'detached', previousStatus: null })
    return { attachments: [] }
  },
})
