import { and, eq } from 'drizzle-orm'
import { image, imageTag } from '../../../schema/image.ts'
import { q } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { dropBytesOf } from '../upload/discard.ts'
import { endpoint } from '../service.ts'
import { findImage } from './find.ts'
import { imageView } from './model.ts'
import { bounded } from './values.ts'

export const show = endpoint({
  id: 'images.show', method: 'GET', path: '/images/{image}', status: 200, policy: 'get_image', summary: 'Show an image',
  async handle(ctx, { params }) { return imageView(await findImage(ctx, params.image, 'get_image')) },
})

/** The row goes first; its bytes after the commit, and by a sweep should that fail. */
export const remove = endpoint({
  id: 'images.delete', method: 'DELETE', path: '/images/{image}', status: 204, policy: 'delete_image', summary: 'Delete an image',
  async handle(ctx, { params }) {
    const { image: row } = await findImage(ctx, params.image, 'delete_image')
    if (row.protected) throw forbidden(`Image ${row.id} is protected and cannot be deleted.`)
    ctx.stage(q.delete(image).where(and(eq(image.id, row.id), eq(image.status, row.status), eq(image.updatedAt, row.updatedAt))), 'stale')
    dropBytesOf(ctx, row)
    ctx.event('image.delete', row.id, undefined, row.owner)
  },
})

const turn = (verb: 'deactivate' | 'reactivate', from: 'active' | 'deactivated', to: 'active' | 'deactivated') => endpoint({
  id: `images.${verb}`, method: 'POST', path: `/images/{image}/actions/${verb}`, status: 204, policy: verb, summary: `${verb === 'deactivate' ? 'Deactivate' : 'Reactivate'} an image`,
  async handle(ctx, { params }) {
    const { image: row } = await findImage(ctx, params.image, verb)
    if (row.status === to) return
    if (row.status !== from) throw forbidden(`Not allowed to ${verb} image in status '${row.status}'`)
    ctx.stage(q.update(image).set({ status: to, updatedAt: ctx.now() }).where(and(eq(image.id, row.id), eq(image.status, from))), 'stale')
    ctx.event(`image.${verb}`, row.id, undefined, row.owner)
  },
})
export const deactivate = turn('deactivate', 'active', 'deactivated')
export const reactivate = turn('reactivate', 'deactivated', 'active')

export const putTag = endpoint({
  id: 'tags.update', method: 'PUT', path: '/images/{image}/tags/{tag}', status: 204, policy: 'modify_image', summary: 'Tag an image',
  async handle(ctx, { params }) {
    const { image: row, tags } = await findImage(ctx, params.image, 'modify_image')
    if (params.tag.length > 255) throw invalid('A tag has at most 255 characters.')
    bounded({}, [...new Set([...JSON.parse(tags) as string[], params.tag])])
    ctx.stage(q.insert(imageTag).values({ image: row.id, tag: params.tag }).onConflictDoNothing())
  },
})

export const deleteTag = endpoint({
  id: 'tags.delete', method: 'DELETE', path: '/images/{image}/tags/{tag}', status: 204, policy: 'modify_image', summary: 'Remove a tag of an image',
  async handle(ctx, { params }) {
    const { image: row, tags } = await findImage(ctx, params.image, 'modify_image')
    if (!(JSON.parse(tags) as string[]).includes(params.tag)) throw notFound('tag', params.tag, `Image ${row.id} has no tag ${params.tag}.`)
    ctx.stage(q.delete(imageTag).where(and(eq(imageTag.image, row.id), eq(imageTag.tag, params.tag))))
  },
})

/** Where the bytes lie is nobody's to choose. */
export const addLocation = endpoint({
  id: 'locations.create', method: 'POST', path: '/images/{image}/locations', status: 202, policy: 'modify_image', summary: 'Give an image a location (refused here)',
  async handle(ctx, { params }) {
    await findImage(ctx, params.image, 'modify_image')
    throw forbidden('Locations are not taken from clients: upload or import the data.')
  },
})
export const locations = endpoint({
  id: 'locations.list', method: 'GET', path: '/images/{image}/locations', status: 200, policy: 'get_image_location', summary: 'List an image\'s locations',
  async handle(ctx, { params }) {
    const { image: row } = await findImage(ctx, params.image, 'get_image')
    if (!row.blob) throw conflict(`Image ${row.id} has no data.`)
    return [{ url: `s3://${ctx.env.S3_BUCKET}/${row.blob}`, metadata: { store: 's3' } }]
  },
})
