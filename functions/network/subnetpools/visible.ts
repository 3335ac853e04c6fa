import { eq, inArray, or } from 'drizzle-orm'
import { subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { openedTo } from '../networks/visible.ts'

/** Pools a project may take subnets from: its own, shared ones, those opened to it. */
export const visiblePools = (ctx: Ctx) => (ctx.caller.admin ? undefined : or(eq(subnetPool.project, ctx.project), eq(subnetPool.shared, true), inArray(subnetPool.id, openedTo('subnetpool', ctx.project, 'access_as_shared'))))
