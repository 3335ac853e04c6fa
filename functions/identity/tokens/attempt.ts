import { event } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { securityOf } from '../security.ts'
import { Halfway, type Issued } from './issue.ts'

/** What becomes known of an attempt to log in while it is looked at: for the log, never for the answer. */
export interface Seen { methods: string[]; user?: string; source?: string; why?: string }
const attempts = new WeakMap<Ctx, Seen>()
export const seen = (ctx: Ctx): Seen => attempts.get(ctx) ?? { methods: [] }

/**
 * Every way to a token goes through here, and each attempt is told of in a line of the log: who (by id, when there is such a user), how,
 * from where, whether it went well and why not. Issuing a token changes nothing, so nothing is written with it, unless the operator wants
 * logins among the events (`login_events`): then with the token or not at all.
 */
export async function attempt(ctx: Ctx, methods: string[], work: () => Promise<Issued>): Promise<Issued> {
  const known: Seen = { methods: methods.slice(0, 8).map((m) => m.slice(0, 64)) }, kept = securityOf(ctx.env).login_events
  attempts.set(ctx, known)
  const tell = (outcome: string, more: Record<string, unknown>) => console.log(JSON.stringify({ level: 'info', what: 'authenticate', outcome, ...known, ...more, requestId: ctx.requestId }))
  const row = (outcome: string, more: Record<string, unknown>, project?: string) => q.insert(event).values({
    at: ctx.now(), action: 'identity.authenticate', resource: known.user ?? null, project: project ?? null, user: known.user ?? null, requestId: ctx.requestId, detail: { outcome, methods: known.methods, source: known.source, ...more },
  })
  try {
    const issued = await work(), { claims: c } = issued
    Object.assign(known, { user: c.user.id, methods: c.methods })
    const more = { audit: c.auditIds[0], ...(c.project && { project: c.project.id }), ...(c.domain && { domain: c.domain.id }), ...(c.system && { system: true }), ...(c.trust && { trust: c.trust.id }) }
    if (kept) ctx.stage(row('success', more, c.project?.id))
    ctx.afterCommit(async () => tell('success', more))
    return issued
  } catch (e) {
    const why = e instanceof Halfway ? 'more is to be shown' : e instanceof Fault && e.kind !== 'unavailable' ? known.why ?? e.message : undefined
    if (why !== undefined) {
      tell(e instanceof Halfway ? 'pending' : 'failure', { why })
      if (kept) await ctx.basis.db.write([row('failure', { why })])
    }
    throw e
  }
}
