import { sql } from 'drizzle-orm'
import { image, imageQuota } from '../../../schema/image.ts'
import { q } from '../../kernel/db.ts'
import { tooLarge } from '../../kernel/fault.ts'

/** What a project may keep unless said otherwise: 1000 GiB. */
export const DEFAULT_BYTES = 1000 * 2 ** 30

/** Bytes kept and bytes on their way, and the limit (-1: none), in one row. */
export const imageUsage = (project: string) => q.get<{ bytes: number; images: number; uploading: number; quota: number }>(sql`select
  coalesce(sum(coalesce(${image.size}, ${image.attemptBytes})), 0) as bytes, count(*) as images,
  coalesce(sum(case when ${image.attempt} is not null and ${image.size} is null then 1 else 0 end), 0) as uploading,
  coalesce((select bytes from ${imageQuota} where project = ${project}), ${DEFAULT_BYTES}) as quota
  from ${image} where ${image.owner} = ${project}`)

export function withinQuota(usage: { bytes: number; quota: number } | undefined, more: number) {
  if (usage && usage.quota >= 0 && usage.bytes + more > usage.quota) {
    throw tooLarge(`The size of the data ${more} will exceed the limit: ${Math.max(0, usage.quota - usage.bytes)} bytes of ${usage.quota} remain.`)
  }
}

/** In the batch that keeps the bytes: the sum is within the limit, or the batch is refused. */
export const stillWithin = (project: string) => q.run(sql`insert into guard select 'quota', quota < 0 or bytes <= quota from (select
  (select coalesce(sum(coalesce(${image.size}, ${image.attemptBytes})), 0) from ${image} where ${image.owner} = ${project}) as bytes,
  coalesce((select bytes from ${imageQuota} where project = ${project}), ${DEFAULT_BYTES}) as quota)`)
