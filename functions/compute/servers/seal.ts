import type { Ctx } from '../../kernel/ctx.ts'
import * as secrets from '../../kernel/secrets.ts'

/** A guest's secret at rest: readable by the control plane alone, bound to the server it is about. */
export const seal = (ctx: Ctx, server: string, secret: string) => secrets.seal(ctx.env, ctx.world, 'guest', server, secret)
export const unseal = (ctx: Ctx, server: string, sealed: string) => secrets.unseal(ctx.env, 'guest', server, sealed)
