import type { Inventory } from '../../schema/hosts.ts'
import type { Ctx } from '../kernel/ctx.ts'
import type { HostRow } from './signed.ts'

/** Level, not edge: each service compares what a host shows with what its rows say. */
export async function observe(ctx: Ctx, host: HostRow, seen: Inventory) {
  const [{ observeDomains }, { observePorts }] = await Promise.all([import('../compute/servers/observe.ts'), import('../network/observe.ts')])
  await observeDomains(ctx, host, seen)
  await observePorts(ctx, host, seen)
}
