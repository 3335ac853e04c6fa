import type { user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { selfLink } from '../list.ts'

export type User = typeof user.$inferSelect
export const userView = (ctx: Ctx, u: User) => ({
  ...u.extra, id: u.id, name: u.name, domain_id: u.domain, enabled: u.enabled, ...(u.defaultProject !== null && { default_project_id: u.defaultProject }),
  password_expires_at: u.passwordExpiresAt === null ? null : isoMicrosZ(u.passwordExpiresAt).slice(0, -1), options: u.options, ...selfLink(ctx, `users/${u.id}`),
})
