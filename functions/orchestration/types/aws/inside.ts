import { Ctx } from '../../../kernel/ctx.ts'
import type { Work } from '../provider.ts'

/** The unit a type works in, in the name of who ordered the stack: for verbs that are not endpoints of paths. */
export const inside = (r: Work): Ctx => new Ctx({ ...r.ctx.basis, caller: r.caller }, r.ctx)
