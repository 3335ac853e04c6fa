import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { imageMember } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { allowed, missing, oneImage } from '../images/find.ts'
import { endpoint } from '../service.ts'

type Member = typeof imageMember.$inferSelect
onDuplicate('image_member.image, image_member.member', () => conflict('The image is shared with this project already.'))

const view = (m: Member) => ({ member_id: m.member, image_id: m.image, status: m.status, created_at: isoSeconds(m.createdAt), updated_at: isoSeconds(m.updatedAt), schema: '/v2/schemas/member' })
const closed = { additionalProperties: false } as const

/** The image, its members, and whether the caller owns it (owners see all members, a member only itself). */
async function look(ctx: Ctx, id: string, rule: string) {
  const [rows, members] = await ctx.read(oneImage(ctx, id), q.select().from(imageMember).where(eq(imageMember.image, id)).orderBy(imageMember.createdAt, imageMember.member))
  const { image } = allowed(ctx, rows, id, rule)
  const own = ctx.caller.admin || image.owner === ctx.anyone?.project?.id
  return { image, own, members: own ? members : members.filter((m) => m.member === ctx.anyone?.project?.id) }
}
const onlyShared = (visibility: string) => {
  if (visibility !== 'shared') throw forbidden('Only shared images have members.')
}
const none = (id: string) => notFound('member', id, `${id} is not a member of this image.`)

export const list = endpoint({
  id: 'members.list', method: 'GET', path: '/images/{image}/members', status: 200, policy: 'get_members', summary: 'List whom an image is shared with',
  async handle(ctx, { params }) {
    const { image, own, members } = await look(ctx, params.image, 'get_members')
    if (image.visibility !== 'shared' && !ctx.caller.admin) onlyShared(image.visibility)
    if (!own && !members.length) throw missing(params.image)
    return { members: members.map(view), schema: '/v2/schemas/members' }
  },
})

export const show = endpoint({
  id: 'members.show', method: 'GET', path: '/images/{image}/members/{member}', status: 200, policy: 'get_members', summary: 'Show a member of an image',
  async handle(ctx, { params }) {
    const { members } = await look(ctx, params.image, 'get_members')
    const member = members.find((m) => m.member === params.member)
    if (!member) throw none(params.member)
    return view(member)
  },
})

export const create = endpoint({
  id: 'members.create', method: 'POST', path: '/images/{image}/members', status: 200, policy: 'add_member', summary: 'Share an image with a project',
  body: { '2.0': t.Object({ member: t.String({ minLength: 1, maxLength: 255 }) }, closed) },
  async handle(ctx, { params, body }) {
    const { image, members } = await look(ctx, params.image, 'add_member')
    onlyShared(image.visibility)
    if (members.some((m) => m.member === body.member)) throw conflict(`${body.member} is already a member of image ${image.id}.`)
    if (members.length >= 128) throw invalid('The limit has been exceeded on the number of allowed image members. Maximum: 128', { status: 413 })
    const now = ctx.now(), row: Member = { image: image.id, member: body.member, status: 'pending', createdAt: now, updatedAt: now }
    ctx.stage(q.insert(imageMember).values(row))
    ctx.event('image.member.create', image.id, { member: body.member }, image.owner)
    return view(row)
  },
})

export const update = endpoint({
  id: 'members.update', method: 'PUT', path: '/images/{image}/members/{member}', status: 200, policy: 'modify_member', summary: 'Accept or reject an image that is shared',
  body: { '2.0': t.Object({ status: t.Enum(['pending', 'accepted', 'rejected']) }, closed) },
  async handle(ctx, { params, body }) {
    const { image, members } = await look(ctx, params.image, 'get_members')
    const member = members.find((m) => m.member === params.member)
    if (!member) throw none(params.member)
    if (!ctx.can('modify_member', { project: member.member })) throw forbidden('Only the project the image is shared with accepts or rejects it.')
    const row = { ...member, status: body.status, updatedAt: ctx.now() }
    ctx.stage(q.update(imageMember).set(row).where(and(eq(imageMember.image, image.id), eq(imageMember.member, member.member))), 'stale')
    ctx.event('image.member.update', image.id, { member: member.member, status: body.status }, image.owner)
    return view(row)
  },
})

export const remove = endpoint({
  id: 'members.delete', method: 'DELETE', path: '/images/{image}/members/{member}', status: 204, policy: 'delete_member', summary: 'Share an image no longer',
  async handle(ctx, { params }) {
    const { image, members } = await look(ctx, params.image, 'delete_member')
    onlyShared(image.visibility)
    if (!members.some((m) => m.member === params.member)) throw none(params.member)
    ctx.stage(q.delete(imageMember).where(and(eq(imageMember.image, image.id), eq(imageMember.member, params.member))), 'stale')
    ctx.event('image.member.delete', image.id, { member: params.member }, image.owner)
  },
})
