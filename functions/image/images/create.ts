import { image, imageTag } from '../../../schema/image.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { IMPORT_METHODS, imageView, STORE } from './model.ts'
import type { ImageRow } from './use.ts'
import { bounded, maySee, newImage, settable, writable } from './values.ts'

onDuplicate('image.id', () => conflict('An image with this identifier already exists.'))

export default endpoint({
  id: 'images.create', method: 'POST', path: '/images', status: 201, policy: 'add_image', summary: 'Create an image', body: { '2.0': newImage },
  async handle(ctx, { body }) {
    const given = body as Record<string, any>
    for (const name of Object.keys(given)) writable(name, { create: true })
    const owner: string | null = given.owner === undefined ? ctx.project : given.owner
    if (owner !== ctx.anyone?.project?.id && !ctx.caller.admin) throw forbidden(`You are not permitted to create images owned by '${owner}'.`)
    maySee(ctx, given.visibility ?? 'shared', owner)
    const properties = Object.fromEntries(Object.entries(given).filter(([k]) => !(k in settable)))
    const tags: string[] = [...new Set<string>(given.tags ?? [])].sort()
    bounded(properties, tags)
    const now = ctx.now()
    const row: ImageRow = {
      id: given.id?.toLowerCase() ?? ctx.uuid(), name: given.name ?? null, owner, status: 'queued', visibility: given.visibility ?? 'shared', protected: given.protected ?? false,
      hidden: given.os_hidden ?? false, diskFormat: given.disk_format ?? null, containerFormat: given.container_format ?? null, minDisk: given.min_disk ?? 0, minRam: given.min_ram ?? 0,
      size: null, virtualSize: null, md5: null, sha512: null, properties, blob: null, attempt: null, attemptUpload: null, attemptBytes: 0, attemptAt: null, createdAt: now, updatedAt: now,
    }
    ctx.stage(q.insert(image).values(row))
    for (const tag of tags) ctx.stage(q.insert(imageTag).values({ image: row.id, tag }))
    ctx.event('image.create', row.id, undefined, owner)
    ctx.about(row.id)
    ctx.headers.set('location', `${ctx.origin}/image/v2/images/${row.id}`)
    ctx.headers.set('openstack-image-import-methods', IMPORT_METHODS.join(','))
    ctx.headers.set('openstack-image-store-ids', STORE)
    return imageView({ image: row, tags })
  },
})
