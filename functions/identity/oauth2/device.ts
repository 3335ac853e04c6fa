import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { and, eq, gt, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { deviceGrant } from '../../../schema/identity.ts'
import { readText } from '../../kernel/body.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { Fault, forbidden, notFound } from '../../kernel/fault.ts'
import { hashed } from '../../kernel/secrets.ts'
import { claimsOf } from '../delegation.ts'
import { guessesQuery, turnAway, wrong } from '../guesses.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { issueFor, type Issued } from '../tokens/issue.ts'

/**
 * RFC 8628: a command line shows a short code; somebody who is logged in elsewhere says yes to it; the command line, which asked all the while,
 * gets a token of theirs for the project their own was for. The token is made then, from what they may do then.
 */
const LIFE = 900, INTERVAL = 5, LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
export const refusal = (status: number, error: string, error_description: string) =>
  Response.json({ error, error_description }, { status, headers: { 'cache-control': 'no-store', ...(status === 401 && { 'www-authenticate': 'Basic realm="identity"' }) } })
/** Nobody types the stroke, and some type small letters. */
const typed = (code: string) => code.toUpperCase().replaceAll(/[^A-Z]/g, '').slice(0, 16)
const shown = (code: string) => `${code.slice(0, 4)}-${code.slice(4)}`

export const authorize = endpoint({
  id: 'oauth2.device', method: 'POST', path: '/OS-OAUTH2/device_authorization', status: 200, policy: 'public', raw: true, summary: 'Begin a login on a device without a browser (RFC 8628)',
  async handle(ctx, { request }) {
    const form = new URLSearchParams(await readText(request, 16_384)), client = form.get('client_id') ?? ''
    if (!/^[\x20-\x7e]{1,64}$/.test(client)) return refusal(400, 'invalid_request', 'The parameter client_id is required: what the program calls itself, in up to 64 characters.')
    const device = Buffer.from(ctx.world.random(32)).toString('base64url')
    // Twenty letters that make no words; what would favour some of them is thrown away.
    let code = ''
    while (code.length < 8) for (const b of ctx.world.random(16)) if (b < 240 && code.length < 8) code += LETTERS[b % 20]
    ctx.stage(q.insert(deviceGrant).values({ id: hashed(device), code, client, state: 'pending', expiresAt: ctx.now() + seconds(LIFE) }))
    const uri = `${ctx.env.PUBLIC_URL ?? ctx.origin}/identity/v3/OS-OAUTH2/device`
    return Response.json({ device_code: device, user_code: shown(code), verification_uri: uri, verification_uri_complete: `${uri}?user_code=${shown(code)}`, expires_in: LIFE, interval: INTERVAL }, { headers: { 'cache-control': 'no-store' } })
  },
})

/** What is asked for by that code, for somebody who guesses no more often than anybody may. */
async function pending(ctx: Ctx, code: string) {
  const source = `device:${ctx.caller.user.id}`
  const [[row], guesses] = await ctx.read(q.select().from(deviceGrant).where(and(eq(deviceGrant.code, typed(code)), eq(deviceGrant.state, 'pending'), gt(deviceGrant.expiresAt, ctx.now()))), guessesQuery(sql`null`, source))
  turnAway(ctx, guesses, source)
  if (row) return row
  await wrong(ctx, undefined, false, source)
  throw notFound('device code', '', 'There is no login waiting under this code: it was mistyped, answered already, or is over.')
}

export const ask = endpoint({
  id: 'oauth2.device.show', method: 'GET', path: '/OS-OAUTH2/device/{code}', status: 200, policy: 'identity:approve_device', summary: 'What waits for a yes under a code',
  async handle(ctx, { params }) {
    const row = await pending(ctx, params.code)
    return { device: { user_code: shown(row.code), client_id: row.client, expires_at: new Date(row.expiresAt / 1000).toISOString() } }
  },
})
export const answer = endpoint({
  id: 'oauth2.device.answer', method: 'PUT', path: '/OS-OAUTH2/device/{code}', status: 204, policy: 'identity:approve_device', summary: 'Let the device that shows a code log in as oneself, or not',
  body: { '3.0': t.Object({ device: t.Object({ approved: t.Boolean() }, { additionalProperties: false }) }, { additionalProperties: false }) },
  async handle(ctx, { params, body }) {
    const c = claimsOf(ctx)
    if (c.applicationCredential || c.trust || c.oauth || c.certificate) throw forbidden('What was lent, or is bound to a certificate, lets no device log in.')
    const row = await pending(ctx, params.code), { approved } = body.device
    const scope = c.project ? { kind: 'project' as const, id: c.project.id } : c.domain ? { kind: 'domain' as const, id: c.domain.id } : c.system ? { kind: 'system' as const, id: 'system' } : { kind: 'unscoped' as const, id: '' }
    ctx.stage(q.update(deviceGrant).set(approved ? { state: 'approved', user: c.user.id, scope, methods: c.methods } : { state: 'denied' }).where(and(eq(deviceGrant.id, row.id), eq(deviceGrant.state, 'pending'))), 'stale')
    ctx.about(c.user.id)
  },
})

/** The device asks: not yet, too often, no, too late, or here it is, once. */
export async function redeem(ctx: Ctx, form: URLSearchParams): Promise<Issued | Response> {
  const id = hashed(form.get('device_code') ?? ''), now = ctx.now(), [[row]] = await ctx.read(q.select().from(deviceGrant).where(eq(deviceGrant.id, id)))
  if (!row || row.client !== form.get('client_id')) return refusal(400, 'invalid_grant', 'There is no such device code, or another program was given it.')
  if (row.expiresAt <= now) return refusal(400, 'expired_token', 'The code is over: begin again.')
  const fast = row.askedAt !== null && now - row.askedAt < seconds(row.interval - 0.5)
  if (row.state === 'pending') {
    ctx.stage(q.update(deviceGrant).set({ askedAt: now, ...(fast && { interval: Math.min(row.interval + 5, 120) }) }).where(eq(deviceGrant.id, id)))
    return fast ? refusal(400, 'slow_down', `Ask no more often than every ${row.interval + 5} seconds.`) : refusal(400, 'authorization_pending', 'Nobody has said yes yet.')
  }
  ctx.stage(q.delete(deviceGrant).where(and(eq(deviceGrant.id, id), eq(deviceGrant.state, row.state))), 'stale')
  if (row.state === 'denied' || !row.user || !row.scope) return refusal(400, 'access_denied', 'It was answered with no.')
  return attempt(ctx, ['oauth2_device'], () => issueFor(ctx, { methods: [...(row.methods ?? []), 'oauth2_device'], who: sql`${row.user}`, check: async (u) => u !== undefined }, { kind: row.scope!.kind, id: sql`${row.scope!.id}` }))
    .catch((e) => { if (e instanceof Fault && (e.kind === 'unauthorized' || e.kind === 'forbidden')) return refusal(400, 'access_denied', 'Who said yes may not log in there any more.'); throw e })
}

/** A page for who has no program at hand to answer with: it asks this API, as the user, and keeps nothing. */
export const page = endpoint({
  id: 'oauth2.device.page', method: 'GET', path: '/OS-OAUTH2/device', status: 200, policy: 'public', summary: 'A page to enter a code on',
  handle() {
    const script = `const f=document.forms[0],s=document.querySelector('p[role]'),v=location.pathname.replace(/\\/OS-OAUTH2\\/device$/,'');f.code.value=new URLSearchParams(location.search).get('user_code')||'';
f.onsubmit=async(e)=>{e.preventDefault();const yes=e.submitter.value==='yes';const json={'content-type':'application/json'};try{
const a=await fetch(v+'/auth/tokens',{method:'POST',headers:json,body:JSON.stringify({auth:{identity:{methods:['password'],password:{user:{name:f.user.value,domain:{name:f.domain.value},password:f.password.value}}},scope:f.project.value?{project:{name:f.project.value,domain:{name:f.domain.value}}}:undefined}})});
if(a.status!==201){s.textContent=(await a.json()).error?.message||'The login was refused.';return}const t={...json,'x-auth-token':a.headers.get('x-subject-token')};const at=v+'/OS-OAUTH2/device/'+encodeURIComponent(f.code.value);
const q=await fetch(at,{headers:t}),d=await q.json();if(!q.ok){s.textContent=d.error.message;return}if(yes&&!confirm('Let the program "'+d.device.client_id+'" that shows '+d.device.user_code+' log in as you?'))return;
const r=await fetch(at,{method:'PUT',headers:t,body:JSON.stringify({device:{approved:yes}})});s.textContent=r.ok?(yes?'Done: the device is logged in. You may close this page.':'The device was turned away.'):(await r.json()).error.message}catch(x){s.textContent=String(x)}finally{f.password.value=''}}`
    const style = 'body{font:16px/1.5 sans-serif;max-width:24em;margin:3em auto;padding:0 1em}label{display:block;margin:.6em 0}input{width:100%;font:inherit;box-sizing:border-box}button{font:inherit;margin:.6em .6em 0 0}'
    const field = (label: string, name: string, more = '') => `<label>${label}<input name="${name}" ${more}></label>`
    return new Response(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Log a device in</title><style>${style}</style></head><body><h1>Log a device in</h1><p>Only go on if you began this yourself: whoever shows the code will act as you.</p><form>${field('Code', 'code', 'required autocomplete="off"')}${field('User', 'user', 'required autocomplete="username"')}${field('Domain', 'domain', 'value="Default" required')}${field('Password', 'password', 'type="password" required autocomplete="current-password"')}${field('Project (the usual one when empty)', 'project')}<button value="yes">Let it in</button><button value="no">Turn it away</button></form><p role="status"></p><script>${script}</script></body></html>`, {
      headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY',
        'content-security-policy': `default-src 'none'; connect-src 'self'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'` },
    })
  },
})
