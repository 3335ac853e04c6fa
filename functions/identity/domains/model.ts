import type { Ctx } from '../../kernel/ctx.ts'
import { selfLink } from '../list.ts'
import type { Project } from '../projects/model.ts'

export const domainView = (ctx: Ctx, d: Project) => ({
  ...d.extra, id: d.id, name: d.name, enabled: d.enabled, description: d.description, tags: d.tags, options: d.options, ...selfLink(ctx, `domains/${d.id}`),
})
