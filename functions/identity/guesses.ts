import { eq, inArray, sql, type SQL } from 'drizzle-orm'
import { guess } from '../../schema/identity.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { Fault } from '../kernel/fault.ts'
import { securityOf } from './security.ts'

/** Where a request comes from, if anything trustworthy says so. */
export function sourceOf(ctx: Ctx, request: Request): string | undefined {
  const { source_header: header } = securityOf(ctx.env)
  return header ? request.headers.get(header)?.split(',').at(-1)?.trim().slice(0, 64) || undefined : undefined
}

type Row = typeof guess.$inferSelect
export const guessesQuery = (who: SQL, source: string | undefined) => q.select().from(guess).where(inArray(guess.subject, sql`('u:' || ${who}, ${source === undefined ? null : `s:${source}`})`))

/** Too many from one place are turned away before anything is hashed: that tells nothing of any account. */
export function turnAway(ctx: Ctx, rows: Row[], source: string | undefined) {
  const s = securityOf(ctx.env), row = rows.find((r) => source !== undefined && r.subject === `s:${source}`)
  const left = row && s.guesses_per_source > 0 && row.count >= s.guesses_per_source ? row.at + seconds(s.guess_window) - ctx.now() : 0
  if (left > 0) throw new Fault('forbidden', 'There were too many failed logins from where you are. Try again later.', { status: 429, retryAfter: Math.ceil(left / 1e6) })
}

/** An account under guessing is refused, in the very words and after the very work of a wrong password. */
export function locked(ctx: Ctx, rows: Row[], user: { id: string; options: Record<string, unknown> }): boolean {
  const s = securityOf(ctx.env), row = rows.find((r) => r.subject === `u:${user.id}`)
  if (!row) return false
  const age = ctx.now() - row.at
  return (s.guesses_per_user > 0 && row.count >= s.guesses_per_user && age < seconds(s.guess_window))
    || (s.lockout_failure_attempts > 0 && user.options.ignore_lockout_failure_attempts !== true && row.count >= s.lockout_failure_attempts && age < seconds(s.lockout_duration))
}

/**
 * Counted at once, since the request itself is about to fail. One that is locked already is not locked for longer. Where there is nobody to
 * count for, nobody's count is written: a wrong name costs the write that a wrong password does.
 */
export async function wrong(ctx: Ctx, user: { id: string } | undefined, isLocked: boolean, source: string | undefined) {
  const s = securityOf(ctx.env), now = ctx.now()
  const subjects = [[user && !isLocked ? `u:${user.id}` : 'u:', Math.max(s.guess_window, s.lockout_failure_attempts ? s.lockout_duration : 0)] as const, ...(source !== undefined ? [[`s:${source}`, s.guess_window] as const] : [])]
  const counted = subjects.map(([subject, window]) => q.insert(guess).values({ subject, count: 1, at: now })
    .onConflictDoUpdate({ target: guess.subject, set: { count: sql`case when ${guess.at} < ${now - seconds(window)} then 1 else ${guess.count} + 1 end`, at: now } }))
  await ctx.basis.db.write(counted as never)
}

export const right = (ctx: Ctx, rows: Row[], user: { id: string }) => { if (rows.some((r) => r.subject === `u:${user.id}`)) ctx.stage(q.delete(guess).where(eq(guess.subject, `u:${user.id}`))) }
