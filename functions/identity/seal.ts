import { Buffer } from 'node:buffer'
import type { Env, World } from '../kernel/env.ts'
import { secretsOf } from './tokens/claims.ts'

const keyOf = (bytes: Uint8Array) => crypto.subtle.importKey('raw', bytes as BufferSource, 'AES-GCM', false, ['encrypt', 'decrypt'])

/** Encrypts what must not lie readable in the database; `about` binds it to its row. */
export async function seal(env: Env, world: World, about: string, text: string): Promise<string> {
  const iv = world.random(12), [key] = await secretsOf(env, 'credential')
  const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: iv as BufferSource, additionalData: new TextEncoder().encode(about) }, await keyOf(key), new TextEncoder().encode(text))
  return `v1:${Buffer.from(iv).toString('base64')}:${Buffer.from(box).toString('base64')}`
}

/** Any of the secrets may have sealed it: the list of them is how keys are rotated. */
export async function unseal(env: Env, about: string, sealed: string): Promise<string> {
  const [, iv, box] = sealed.split(':')
  for (const key of await secretsOf(env, 'credential')) {
    const open = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: Buffer.from(iv, 'base64'), additionalData: new TextEncoder().encode(about) }, await keyOf(key), Buffer.from(box, 'base64')).catch(() => undefined)
    if (open) return new TextDecoder().decode(open)
  }
  throw new Error('a credential cannot be opened with any of the secrets in MASTER_SECRET')
}
