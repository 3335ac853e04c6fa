import type { Ctx } from '../../kernel/ctx.ts'
import { call } from '../call.ts'
import type { Asks } from './vpc.ts'

/** A request of the EC2 API, as the mapping asks. */
export const asking = (ctx: Ctx): Asks => ({ call: (to) => call(ctx, to) })
