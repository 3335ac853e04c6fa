import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { image, imageTag } from '../../../schema/image.ts'
import { check } from '../../kernel/body.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, Fault, forbidden, invalid } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { findImage, unchanged } from './find.ts'
import { imageView } from './model.ts'
import type { ImageRow } from './use.ts'
import { bounded, maySee, settable, writable } from './values.ts'

const MEDIA = ['application/openstack-images-v2.1-json-patch', 'application/openstack-images-v2.0-json-patch']
interface Change { op: 'add' | 'replace' | 'remove'; path: string[]; value?: unknown }
/** What an image looks like to a patch: base attributes by their wire names, then properties. */
interface Doc { base: Record<string, unknown>; properties: ImageRow['properties']; tags: string[] }

const columns: Record<string, keyof ImageRow> = { name: 'name', visibility: 'visibility', protected: 'protected', os_hidden: 'hidden', disk_format: 'diskFormat', container_format: 'containerFormat', min_disk: 'minDisk', min_ram: 'minRam', owner: 'owner' }

export default endpoint({
  id: 'images.update', method: 'PATCH', path: '/images/{image}', status: 200, policy: 'modify_image', summary: 'Change an image by a JSON patch',
  body: { '2.0': t.Unknown() },
  async handle(ctx, { params, body, request }) {
    const media = (request.headers.get('content-type') ?? '').split(';')[0].trim()
    if (!MEDIA.includes(media)) throw new Fault('media', `A patch is taken as ${MEDIA.join(' or ')}.`)
    const changes = parse(body, media === MEDIA[1])
    const found = await findImage(ctx, params.image, 'modify_image')
    const row = found.image
    const doc: Doc = { base: Object.fromEntries(Object.entries(columns).map(([k, c]) => [k, row[c]])), properties: { ...row.properties }, tags: JSON.parse(found.tags) }
    for (const c of changes) apply(ctx, row, doc, c)
    bounded(doc.properties, doc.tags)
    const set = { ...Object.fromEntries(Object.entries(columns).map(([k, c]) => [c, doc.base[k]])), properties: doc.properties, updatedAt: ctx.now() } as Partial<ImageRow>
    ctx.stage(q.update(image).set(set).where(unchanged(row)), 'stale')
    if (changes.some((c) => c.path[0] === 'tags')) {
      ctx.stage(q.delete(imageTag).where(eq(imageTag.image, row.id)))
      for (const tag of doc.tags) ctx.stage(q.insert(imageTag).values({ image: row.id, tag }))
    }
    ctx.event('image.update', row.id, undefined, row.owner)
    return imageView({ image: { ...row, ...set }, tags: doc.tags })
  },
})

function parse(body: unknown, old: boolean): Change[] {
  if (!Array.isArray(body)) throw invalid('Request body must be a JSON array of operation objects.')
  if (body.length > 256) throw invalid('A patch has at most 256 operations.')
  return body.map((raw: unknown) => {
    if (!raw || typeof raw !== 'object' || Array.isArray(raw)) throw invalid('Operations must be JSON objects.')
    const o = raw as Record<string, unknown>
    const op = old ? (['add', 'replace', 'remove'] as const).find((x) => x in o) : o.op
    const pointer = old ? o[op as string] : o.path
    if (op !== 'add' && op !== 'replace' && op !== 'remove') throw invalid('Unable to find \'op\' in JSON Schema change: it must be one of add, replace, remove.')
    if (typeof pointer !== 'string' || !pointer.startsWith('/') || pointer.endsWith('/') || pointer.includes('//')) throw invalid(`Invalid JSON pointer for this resource: '${String(pointer).slice(0, 100)}'`)
    if (/~(?![01])/.test(pointer)) throw invalid(`Pointer '${pointer.slice(0, 100)}' contains "~" not part of a recognized escape sequence.`)
    if (op !== 'remove' && !('value' in o)) throw invalid(`Operation "${op}" requires a member named "value".`)
    const path = pointer.slice(1).split('/').map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (path.length > 1 && !(path[0] === 'tags' && path.length === 2) && path[0] !== 'locations') throw invalid(`Invalid JSON pointer for this resource: '${pointer.slice(0, 100)}'`)
    return { op, path, value: o.value }
  })
}

function apply(ctx: Ctx, row: ImageRow, doc: Doc, { op, path: [name, index], value }: Change) {
  writable(name)
  if (name === 'tags') { doc.tags = tags(doc.tags, op, index, value); return }
  if (name in columns) {
    if (op === 'remove') throw forbidden(`Property ${name} may not be removed.`)
    check(t.Object({ [name]: settable[name as keyof typeof settable] }), { [name]: value })
    base(ctx, row, doc, name, value)
    return
  }
  if (op === 'remove') {
    if (!(name in doc.properties)) throw conflict(`Property ${name} does not exist.`)
    delete doc.properties[name]
    return
  }
  if (op === 'replace' && !(name in doc.properties)) throw conflict(`Property ${name} does not exist.`)
  check(t.Object({ [name]: t.Union([t.String({ maxLength: 65535 }), t.Null()]) }), { [name]: value })
  doc.properties[name] = value as string | null
}

function base(ctx: Ctx, row: ImageRow, doc: Doc, name: string, value: unknown) {
  if (name === 'visibility') maySee(ctx, value as string, row.owner)
  if (name === 'owner' && value !== row.owner && !ctx.caller.admin) throw forbidden('You are not permitted to change the owner of an image.')
  // The content was looked at as what it was declared to be then.
  if ((name === 'disk_format' || name === 'container_format') && value !== doc.base[name] && row.status !== 'queued') throw forbidden(`Attribute ${name} can be only replaced for a queued image.`)
  doc.base[name] = value
}

function tags(now: string[], op: Change['op'], index: string | undefined, value: unknown): string[] {
  if (index === undefined) {
    if (op === 'remove') return []
    check(t.Object({ tags: settable.tags }), { tags: value })
    return [...new Set(value as string[])].sort()
  }
  if (op === 'add') {
    check(t.Object({ tags: settable.tags }), { tags: [value] })
    return [...new Set([...now, value as string])].sort()
  }
  if (!/^\d+$/.test(index) || Number(index) >= now.length) throw invalid(`There is no tag ${index.slice(0, 20)}.`)
  check(t.Object({ tags: settable.tags }), { tags: op === 'replace' ? [value] : [] })
  return [...new Set(now.flatMap((x, i) => i !== Number(index) ? [x] : op === 'replace' ? [value as string] : []))].sort()
}
