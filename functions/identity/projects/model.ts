import type { project } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { selfLink } from '../list.ts'

export type Project = typeof project.$inferSelect
export const projectView = (ctx: Ctx, p: Project) => ({
  ...p.extra, id: p.id, name: p.name, domain_id: p.domain, parent_id: p.parent, is_domain: p.isDomain, enabled: p.enabled, description: p.description,
  tags: p.tags, options: p.options, ...selfLink(ctx, `projects/${p.id}`),
})
