import type { group } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { selfLink } from '../list.ts'

export type Group = typeof group.$inferSelect
export const groupView = (ctx: Ctx, g: Group) => ({ ...g.extra, id: g.id, name: g.name, domain_id: g.domain, description: g.description, ...selfLink(ctx, `groups/${g.id}`) })
