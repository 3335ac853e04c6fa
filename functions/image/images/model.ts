import { sql } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import { full } from '../../kernel/db.ts'
import { isoSeconds } from '../../kernel/view.ts'
import type { ImageRow } from './use.ts'

export const DISK_FORMATS = ['ami', 'ari', 'aki', 'raw', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'iso', 'ploop']
export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed']
export const VISIBILITIES = ['community', 'public', 'private', 'shared'] as const
export const STORE = 's3'
export const IMPORT_METHODS = ['glance-direct']

/** An image's tags, read with its row. */
export const tagsOf = sql<string>`(select json_group_array(tag) from (select tag from image_tag where image_tag.image = ${full(image.id)} order by tag))`
export interface TaggedImage { image: ImageRow; tags: string }

const iso = isoSeconds
export function imageView({ image: i, tags }: { image: ImageRow; tags: string | string[] }): Record<string, unknown> {
  const kept = i.blob !== null
  return {
    ...i.properties,
    name: i.name, disk_format: i.diskFormat, container_format: i.containerFormat, visibility: i.visibility, size: kept ? i.size : null, virtual_size: kept ? i.virtualSize : null, status: i.status,
    checksum: kept ? i.md5 : null, protected: i.protected, min_ram: i.minRam, min_disk: i.minDisk, owner: i.owner, os_hidden: i.hidden,
    os_hash_algo: kept && i.sha512 ? 'sha512' : null, os_hash_value: kept ? i.sha512 : null, id: i.id, created_at: iso(i.createdAt), updated_at: iso(i.updatedAt),
    ...(kept ? { stores: STORE } : {}),
    tags: typeof tags === 'string' ? JSON.parse(tags) : tags, self: `/v2/images/${i.id}`, file: `/v2/images/${i.id}/file`, schema: '/v2/schemas/image',
  }
}
