import { sql } from 'drizzle-orm'
import { volumeDefaultType, volumeType } from '../../schema/volume.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'

/** The type volumes get when none is named. Content when it is there. */
export function seedVolume(ctx: Ctx) {
  const now = ctx.now(), id = ctx.uuid()
  ctx.stage(q.insert(volumeType).values({ id, name: 'default', description: 'Thin disks kept by a host', public: true, extraSpecs: {}, createdAt: now, updatedAt: now }).onConflictDoNothing())
  ctx.stage(q.insert(volumeDefaultType).values({ project: '', type: sql`(select id from ${volumeType} where name = 'default')` as unknown as string }).onConflictDoNothing())
}
