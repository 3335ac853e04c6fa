import { flavor } from '../../schema/compute.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'

/** Name, processors, MB of memory, GB of disk. */
const first = [['m1.nano', 1, 128, 1], ['m1.micro', 1, 192, 1], ['m1.tiny', 1, 512, 1], ['m1.small', 1, 2048, 20], ['m1.medium', 2, 4096, 40], ['m1.large', 4, 8192, 80]] as const

/** The flavors a cloud starts with; those an operator removed or changed stay so. */
export async function seedCompute(ctx: Ctx) {
  const [[any]] = await ctx.read(q.select({ id: flavor.id }).from(flavor).limit(1))
  if (any) return
  const now = ctx.now()
  ctx.stage(q.insert(flavor).values(first.map(([name, vcpus, memoryMb, diskGb], i) => ({ id: String(i + 1), name, vcpus, memoryMb, diskGb, extraSpecs: {}, createdAt: now }))).onConflictDoNothing())
}
