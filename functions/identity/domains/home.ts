import type { Ctx } from '../../kernel/ctx.ts'
import { forbidden } from '../../kernel/fault.ts'
import type { Rule } from '../service.ts'

/** The domain something is made in when the request does not say. */
export const homeDomain = (ctx: Ctx) => ctx.caller.domain?.id ?? ctx.caller.project?.domain.id ?? ctx.caller.user.domain.id

/** The domain a list is confined to: the one asked for; for who looks after one domain only, that one. */
export function listDomain(ctx: Ctx, rule: Rule, query: URLSearchParams): string | undefined {
  const asked = query.get('domain_id') || undefined
  if (ctx.can(rule, {})) return asked
  const own = ctx.caller.domain?.id
  if (asked !== undefined && asked !== own) throw forbidden(`You are not authorized to perform the requested action: ${rule}.`)
  ctx.may(rule, { domain: own })
  return own
}
