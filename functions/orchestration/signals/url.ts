import { Buffer } from 'node:buffer'
import type { Ctx } from '../../kernel/ctx.ts'
import { secretsOf } from '../../kernel/secrets.ts'

/** An address stands for one resource of one stack until then; the stack's end ends it sooner, for the row is gone. */
const LIVES = 366 * 86400

async function macs(ctx: Ctx, text: string): Promise<string[]> {
  const out: string[] = []
  for (const secret of await secretsOf(ctx.env, 'stack-signal')) {
    const key = await crypto.subtle.importKey('raw', secret as BufferSource, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    out.push(Buffer.from(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))).toString('base64url'))
  }
  return out
}
const said = (project: string, stack: string, resource: string, until: number) => `signal\n${project}\n${stack}\n${resource}\n${until}`

export async function signalUrl(ctx: Ctx, s: { id: string; project: string; createdAt: number }, row: { id: string; createdAt: number }): Promise<string> {
  // From the row's own time, so that the address is the same whenever it is asked for: it may stand in user data.
  const until = Math.floor(row.createdAt / 1_000_000) + LIVES
  const [mac] = await macs(ctx, said(s.project, s.id, row.id, until))
  const base = (ctx.env.PUBLIC_URL ?? ctx.origin).replace(/\/$/, '')
  return `${base}/orchestration/v1/${s.project}/signals/${s.id}/${row.id}?Expires=${until}&Signature=${mac}`
}

export async function goodSignature(ctx: Ctx, project: string, stack: string, resource: string, query: URLSearchParams): Promise<boolean> {
  const until = Number(query.get('Expires')), given = Buffer.from(query.get('Signature') ?? '')
  if (!Number.isSafeInteger(until) || until * 1_000_000 < ctx.now()) return false
  const { timingSafeEqual } = await import('node:crypto')
  for (const mac of await macs(ctx, said(project, stack, resource, until))) {
    const want = Buffer.from(mac)
    if (want.length === given.length && timingSafeEqual(want, given)) return true
  }
  return false
}
