import { secretsOf } from '../../identity/tokens/claims.ts'
import type { Ctx } from '../../kernel/ctx.ts'

const text = (b: Uint8Array) => btoa(String.fromCharCode(...b))
const bytes = (s: string) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0))
const keyOf = (raw: Uint8Array, use: KeyUsage) => crypto.subtle.importKey('raw', raw as BufferSource, 'AES-GCM', false, [use])

/** A secret at rest: readable by the control plane alone, bound to the server it is about. */
export async function seal(ctx: Ctx, server: string, secret: string): Promise<string> {
  const [key] = await secretsOf(ctx.env, 'guest'), iv = ctx.world.random(12)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: iv as BufferSource, additionalData: new TextEncoder().encode(server) }, await keyOf(key, 'encrypt'), new TextEncoder().encode(secret))
  return `${text(iv)}.${text(new Uint8Array(sealed))}`
}
export async function unseal(ctx: Ctx, server: string, sealed: string): Promise<string | undefined> {
  const [iv, data] = sealed.split('.').map(bytes)
  for (const key of await secretsOf(ctx.env, 'guest')) {
    const open = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: iv as BufferSource, additionalData: new TextEncoder().encode(server) }, await keyOf(key, 'decrypt'), data as BufferSource).catch(() => undefined)
    if (open) return new TextDecoder().decode(open)
  }
  return undefined
}
