import { and, eq, inArray, or, sql, type SQL } from 'drizzle-orm'
import { network, rbac } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'

/** Objects of a type that a policy opens to a project. */
export const openedTo = (type: string, project: string, action: string) => q.select({ id: rbac.object }).from(rbac)
  .where(and(eq(rbac.objectType, type), eq(rbac.action, action), inArray(rbac.target, [project, '*'])))

// Written out, not as parameters: the partial indexes are found only so.
const isShared = sql`${network.shared} = 1`, isExternal = sql`${network.external} = 1`

/** Networks a project may use: its own, shared ones, those opened to it, and, to look at, external ones. */
export const networksOf = (project: string): SQL => or(
  eq(network.project, project), isShared, isExternal, inArray(network.id, openedTo('network', project, 'access_as_shared')))!

export const visibleNetworks = (ctx: Ctx): SQL | undefined => (ctx.caller.admin ? undefined : networksOf(ctx.project))
/** Those a port of the caller's may be made on. */
export const usableNetworks = (project: string): SQL => or(
  eq(network.project, project), isShared, inArray(network.id, openedTo('network', project, 'access_as_shared')))!
/** As a column: may ports of this project be made on the network? */
export const usable = (project: string) => sql<number>`(${usableNetworks(project)})`
