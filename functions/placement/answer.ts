import type { Ctx } from '../kernel/ctx.ts'
import { conflict, invalid } from '../kernel/fault.ts'
import { code } from './service.ts'

/** From 1.15 on answers say when what they show was changed last; now, where nothing keeps that. */
export function fresh(ctx: Ctx, changed = ctx.now()) {
  if (ctx.version < 1015) return
  ctx.headers.set('cache-control', 'no-cache')
  ctx.headers.set('last-modified', new Date(Math.floor(changed / 1000)).toUTCString())
}
export const latest = (ctx: Ctx, rows: { updatedAt: number }[]) => rows.length ? Math.max(...rows.map((r) => r.updatedAt)) : ctx.now()

export const locate = (ctx: Ctx, path: string) => ctx.headers.set('location', `${ctx.origin}/placement${path}`)
/** An answer without a body whose status is not the endpoint's usual one. */
export const bare = (status: number) => new Response(null, { status })

export const concurrent = (message: string) => conflict(message, { type: code.concurrent })
export const badValue = (message: string) => invalid(message, { type: code.badValue })
