import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import { CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES } from './model.ts'
import type { ImageRow } from './use.ts'

/** What a client may write of an image; everything else is a property, and a string. */
const text255 = t.Union([t.String({ maxLength: 255 }), t.Null()])
export const settable = {
  name: text255,
  visibility: t.Enum([...VISIBILITIES]),
  protected: t.Boolean(),
  os_hidden: t.Boolean(),
  disk_format: t.Union([t.Enum(DISK_FORMATS), t.Null()]),
  container_format: t.Union([t.Enum(CONTAINER_FORMATS), t.Null()]),
  min_disk: t.Integer({ minimum: 0, maximum: 2147483647 }),
  min_ram: t.Integer({ minimum: 0, maximum: 2147483647 }),
  tags: t.Array(t.String({ maxLength: 255 }), { maxItems: 128 }),
  owner: text255,
  id: t.String({ pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$' }),
}
export const newImage = t.Object(Object.fromEntries(Object.entries(settable).map(([k, v]) => [k, t.Optional(v)])), { additionalProperties: t.Union([t.String({ maxLength: 65535 }), t.Null()]) })

const READ_ONLY = ['created_at', 'updated_at', 'status', 'checksum', 'size', 'virtual_size', 'direct_url', 'self', 'file', 'schema', 'os_hash_algo', 'os_hash_value', 'stores']
const RESERVED = ['deleted', 'deleted_at', 'is_public', 'properties']
const MAX_PROPERTIES = 128

/** 403 for attributes nobody may write, in create and in patches alike. */
export function writable(name: string, options: { create?: boolean } = {}) {
  if (name.startsWith('os_glance_')) throw forbidden(`Attribute '${name}' is reserved.`)
  if (READ_ONLY.includes(name) || (!options.create && name === 'id')) throw forbidden(`Attribute '${name}' is read-only.`)
  if (RESERVED.includes(name)) throw forbidden(`Attribute '${name}' is reserved.`)
  if (name === 'locations') throw forbidden('It\'s not allowed to add locations if locations are invisible.')
  if (name.length > 255) throw invalid(`Property name ${name.slice(0, 64)}… is longer than 255 characters.`)
}

export function maySee(ctx: Ctx, visibility: string, owner: string | null) {
  if (visibility === 'public') ctx.may('publicize_image', { project: owner })
  if (visibility === 'community') ctx.may('communitize_image', { project: owner })
}

export function bounded(properties: ImageRow['properties'], tags: string[]) {
  const n = Object.keys(properties).length
  if (n > MAX_PROPERTIES) throw invalid(`The limit has been exceeded on the number of allowed image properties. Attempted: ${n}, Maximum: ${MAX_PROPERTIES}`, { status: 413 })
  if (tags.length > 128) throw invalid(`The limit has been exceeded on the number of allowed image tags. Attempted: ${tags.length}, Maximum: 128`, { status: 413 })
}
