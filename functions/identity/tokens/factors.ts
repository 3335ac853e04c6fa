import { jwtVerify, SignJWT } from 'jose'
import type { Ctx } from '../../kernel/ctx.ts'
import { secretsOf } from '../../kernel/secrets.ts'
import type { User } from './issue.ts'

const KNOWN = ['password', 'totp', 'token', 'application_credential', 'oauth1']
/** What a user has to show; rules that name a way nobody can take here do not count. */
export function missing(u: User, methods: string[]): string[][] {
  const { multi_factor_auth_enabled: on, multi_factor_auth_rules: rules } = u.user.options as { multi_factor_auth_enabled?: boolean; multi_factor_auth_rules?: string[][] }
  const real = on && Array.isArray(rules) ? rules.filter((r) => Array.isArray(r) && r.length && r.every((m) => KNOWN.includes(m))) : []
  const open = real.map((r) => [...new Set(r)].filter((m) => !methods.includes(m)))
  return open.some((o) => o.length === 0) ? [] : open
}

const LIFE = 300
/** Half a login: what was shown is remembered in the client's hand for five minutes. */
export async function receipt(ctx: Ctx, u: User, methods: string[], required: string[][]): Promise<Response> {
  const issued = new Date(ctx.now() / 1000), expires = new Date(issued.getTime() + LIFE * 1000), [key] = await secretsOf(ctx.env, 'receipt')
  const signed = await new SignJWT({ m: methods }).setProtectedHeader({ alg: 'HS256' }).setSubject(u.user.id).setIssuedAt(Math.floor(issued.getTime() / 1000)).setExpirationTime(Math.floor(expires.getTime() / 1000)).sign(key)
  return Response.json({
    receipt: { methods, user: { id: u.user.id, name: u.user.name, domain: { id: u.home!.id, name: u.home!.name } }, issued_at: issued.toISOString().replace('Z', '000Z'), expires_at: expires.toISOString().replace('Z', '000Z') },
    required_auth_methods: required,
  }, { status: 401, headers: { 'openstack-auth-receipt': signed } })
}

export async function readReceipt(ctx: Ctx, text: string): Promise<{ user: string; methods: string[] } | undefined> {
  for (const key of await secretsOf(ctx.env, 'receipt')) {
    const found = await jwtVerify(text, key, { algorithms: ['HS256'], currentDate: new Date(ctx.now() / 1000) }).then((r) => r.payload, () => undefined)
    if (found?.sub) return { user: found.sub, methods: found.m as string[] }
  }
  return undefined
}
