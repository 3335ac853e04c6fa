import type { Ctx } from '../kernel/ctx.ts'
import { forbidden } from '../kernel/fault.ts'
import type { TokenClaims } from './tokens/claims.ts'

export const claimsOf = (ctx: Ctx) => ctx.caller.token as TokenClaims

/** What was lent is not lent on: a restricted application credential or a trust makes no other way to log in. */
export function notDelegated(ctx: Ctx, what: string) {
  const { applicationCredential, trust, oauth } = claimsOf(ctx)
  if (applicationCredential?.restricted) throw forbidden(`A restricted application credential cannot be used to ${what}.`)
  if (oauth) throw forbidden(`An OAuth1 access token cannot be used to ${what}.`)
  if (trust) throw forbidden(`A trust cannot be used to ${what}.`)
}
