import { and, desc, eq, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { imageTask } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { cutPage, keyset, pageOf } from '../../kernel/page.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { findImage } from '../images/find.ts'
import { endpoint } from '../service.ts'

type Task = typeof imageTask.$inferSelect
const stub = (k: Task) => ({
  id: k.id, type: k.type, status: k.status, owner: k.owner, expires_at: k.expiresAt ? isoSeconds(k.expiresAt) : null, created_at: isoSeconds(k.createdAt), updated_at: isoSeconds(k.updatedAt), self: `/v2/tasks/${k.id}`, schema: '/v2/schemas/task',
})
const whole = (k: Task) => ({ ...stub(k), input: k.input, result: k.result, message: k.message, image_id: k.image, request_id: k.requestId, user_id: k.user })
const mine = (ctx: Ctx): SQL | undefined => (ctx.caller.admin ? undefined : eq(imageTask.owner, ctx.project))

export const list = endpoint({
  id: 'tasks.list', method: 'GET', path: '/tasks', status: 200, policy: 'get_task', summary: 'List tasks',
  async handle(ctx, { query }) {
    const page = pageOf(query, { created_at: imageTask.createdAt, updated_at: imageTask.updatedAt, id: imageTask.id, status: imageTask.status, type: imageTask.type }, { max: 1000, limit: 25, sort: [['created_at', 'desc']] })
    const { after, order } = keyset(imageTask, imageTask.id, page)
    const status = query.get('status'), type = query.get('type')
    const [rows] = await ctx.read(q.select().from(imageTask).where(and(mine(ctx), status ? eq(imageTask.status, status as Task['status']) : undefined, type ? eq(imageTask.type, type) : undefined, after)).orderBy(...order).limit(page.limit + 1))
    const cut = cutPage(rows, page, (r) => r.id)
    const link = (marker?: string) => { const to = new URLSearchParams(query); to.delete('marker'); if (marker) to.set('marker', marker); return `/v2/tasks${to.size ? `?${to}` : ''}` }
    return { tasks: cut.rows.map(stub), ...(cut.next ? { next: link(cut.next) } : {}), first: link(), schema: '/v2/schemas/tasks' }
  },
})

export const show = endpoint({
  id: 'tasks.show', method: 'GET', path: '/tasks/{task}', status: 200, policy: 'get_task', summary: 'Show a task',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(q.select().from(imageTask).where(and(eq(imageTask.id, params.task), mine(ctx))))
    if (!row) throw notFound('task', params.task, `No task found with ID ${params.task}`)
    return whole(row)
  },
})

/** The old way to import fetches from a URL, past every check of the new one. */
export const create = endpoint({
  id: 'tasks.create', method: 'POST', path: '/tasks', status: 201, policy: 'tasks_api_access', summary: 'Create a task (imports go by /images/{image}/import)',
  body: { '2.0': t.Object({ type: t.String({ maxLength: 64 }), input: t.Object({}) }, { additionalProperties: false }) },
  handle(_, { body }) { throw invalid(`Tasks of type ${body.type} are not taken: stage the data and import it, or upload it.`) },
})

export const remove = endpoint({
  id: 'tasks.delete', method: 'DELETE', path: '/tasks/{task}', status: 204, policy: 'get_task', summary: 'Delete a task (tasks go by themselves)',
  async handle(ctx, { params }) {
    const [[row]] = await ctx.read(q.select().from(imageTask).where(and(eq(imageTask.id, params.task), mine(ctx))))
    if (!row) throw notFound('task', params.task, `No task found with ID ${params.task}`)
    throw forbidden('Tasks are not deleted by hand; they go when they expire.')
  },
})

export const ofImage = endpoint({
  id: 'images.tasks', method: 'GET', path: '/images/{image}/tasks', status: 200, policy: 'get_image', summary: 'List an image\'s tasks',
  async handle(ctx, { params }) {
    await findImage(ctx, params.image, 'get_image')
    const [rows] = await ctx.read(q.select().from(imageTask).where(eq(imageTask.image, params.image)).orderBy(desc(imageTask.createdAt)).limit(100))
    return { tasks: rows.map(whole) }
  },
})
