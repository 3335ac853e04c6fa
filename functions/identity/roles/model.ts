import type { role } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { selfLink } from '../list.ts'

export type Role = typeof role.$inferSelect
export const roleView = (ctx: Ctx, r: Role) => ({ ...r.extra, id: r.id, name: r.name, domain_id: r.domain, description: r.description, options: r.options, ...selfLink(ctx, `roles/${r.id}`) })
/** As it appears inside an inference. */
export const roleRef = (ctx: Ctx, r: Role) => ({ id: r.id, name: r.name, ...selfLink(ctx, `roles/${r.id}`) })
