import { and, desc, eq, sql } from 'drizzle-orm'
import { formerPassword, type user } from '../../schema/identity.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seconds, type Env } from '../kernel/env.ts'
import { invalid } from '../kernel/fault.ts'
import { checkPassword } from './passwords.ts'

/** What an operator asks of passwords and logins, by the names real deployments have for it; the environment's SECURITY is JSON of these. */
const DEFAULTS = {
  /** Wrong guesses after which an account is refused for a while (seconds); 0: never. */
  lockout_failure_attempts: 0, lockout_duration: 1800,
  password_expires_days: 0, minimum_password_age: 0, unique_last_password_count: 0, password_regex: '', password_regex_description: '', change_password_upon_first_use: false, disable_user_account_days_inactive: 0,
  /** Wrong guesses at one account, and from one place, within this many seconds, before more are turned away; 0: any number. */
  guesses_per_user: 30, guesses_per_source: 200, guess_window: 300,
  /** The header in which a proxy that nobody can pass by tells where a request comes from; its last entry counts. */
  source_header: '',
  /** The header in which that proxy hands on the certificate a client showed it, and the one in which it shows that it knows PROXY_SECRET. */
  client_certificate_header: '', proxy_secret_header: 'x-proxy-secret',
  /** The mapping that says what of a certificate has to be what of a user. */
  oauth2_cert_dn_mapping_id: 'oauth2_mapping',
  /** Logins, good and bad, are events too, not only lines of the log: each then writes. */
  login_events: false,
}
export type Security = typeof DEFAULTS
let known: { text: string; settings: Security } | undefined

export function securityOf(env: Env): Security {
  const text = env.SECURITY ?? ''
  if (known?.text === text) return known.settings
  const given = text ? JSON.parse(text) as Record<string, unknown> : {}
  for (const [name, value] of Object.entries(given)) if (!(name in DEFAULTS) || typeof value !== typeof DEFAULTS[name as keyof Security]) throw new Error(`SECURITY: ${name} is not known, or not of the right kind`)
  known = { text, settings: { ...DEFAULTS, ...given } }
  return known.settings
}

type User = typeof user.$inferSelect
const day = seconds(86_400)

/** Is it good enough? Former ones are looked at when the user changes it: who sets it for somebody else decides alone. */
export function checkRules(ctx: Ctx, password: string) {
  const { password_regex: regex, password_regex_description: words } = securityOf(ctx.env)
  if (regex && !new RegExp(regex).test(password)) throw invalid(`The password does not match the requirements: ${words || 'it does not match the expression the operator has set'}.`)
}
export const formerQuery = (user: string) => q.select().from(formerPassword).where(eq(formerPassword.user, user)).orderBy(desc(formerPassword.at)).limit(24)

export async function checkHistory(ctx: Ctx, u: User, password: string, former: { hash: string }[]) {
  const { unique_last_password_count: count, minimum_password_age: age } = securityOf(ctx.env)
  const left = u.passwordAt === null || age === 0 ? 0 : u.passwordAt + age * day - ctx.now()
  if (left > 0 && !(u.passwordExpiresAt !== null && u.passwordExpiresAt <= ctx.now())) throw invalid(`Cannot change password before minimum age ${age} days is met. The password can be changed after ${Math.ceil(left / day)} days.`)
  if (count > 0) for (const hash of [u.password, ...former.map((f) => f.hash)].slice(0, count)) {
    if (hash && await checkPassword(password, hash)) throw invalid(`The new password cannot be identical to a previous password. The total number which includes the new password must be unique is ${count}.`)
  }
}

/** Columns that go with a new password, and the old one on the pile. `own`: the user chose it. */
export function renewed(ctx: Ctx, u: { id: string; password: string | null; options: Record<string, unknown> }, own: boolean): Pick<User, 'passwordExpiresAt' | 'passwordAt'> {
  const s = securityOf(ctx.env), now = ctx.now()
  if (u.password && s.unique_last_password_count > 1) {
    ctx.stage(q.insert(formerPassword).values({ user: u.id, hash: u.password, at: now }))
    ctx.stage(q.delete(formerPassword).where(and(eq(formerPassword.user, u.id), sql`${formerPassword.at} not in (select at from former_password where user_id = ${u.id} order by at desc limit ${s.unique_last_password_count})`)))
  }
  const first = !own && s.change_password_upon_first_use && u.options.ignore_change_password_upon_first_use !== true
  const expires = s.password_expires_days > 0 && u.options.ignore_password_expiry !== true ? now + s.password_expires_days * day : null
  return { passwordExpiresAt: first ? now : expires, passwordAt: now }
}

/** Accounts nobody has used for long are as good as disabled; the day somebody did is noted. */
export function unused(ctx: Ctx, u: User): boolean {
  const days = securityOf(ctx.env).disable_user_account_days_inactive
  return days > 0 && u.options.ignore_user_inactivity !== true && (u.activeAt ?? u.createdAt) < ctx.now() - days * day
}
export const notedToday = (ctx: Ctx, u: User) => securityOf(ctx.env).disable_user_account_days_inactive === 0 || (u.activeAt ?? 0) > ctx.now() - day
