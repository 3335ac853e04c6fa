import { Buffer } from 'node:buffer'
import type { Env, World } from './env.ts'

const derived = new Map<string, Uint8Array>()
/** MASTER_SECRET may list several, separated by commas: the first signs, all verify, so that rotation refuses nobody. */
export async function secretsOf(env: Env, purpose: string): Promise<Uint8Array[]> {
  return Promise.all(env.MASTER_SECRET.split(',').map(async (secret) => {
    const at = `${purpose}\n${secret}`
    let key = derived.get(at)
    if (!key) {
      const base = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), 'HKDF', false, ['deriveBits'])
      key = new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(purpose) }, base, 256))
      derived.set(at, key)
    }
    return key
  }))
}

const keyOf = (bytes: Uint8Array) => crypto.subtle.importKey('raw', bytes as BufferSource, 'AES-GCM', false, ['encrypt', 'decrypt'])
const bytes = (text: string) => new TextEncoder().encode(text)

/** Encrypts what must not lie readable in the database. `purpose` chooses the key, `about` binds the secret to its row. */
export async function seal(env: Env, world: World, purpose: string, about: string, text: string): Promise<string> {
  const iv = world.random(12), [key] = await secretsOf(env, purpose)
  const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: iv as BufferSource, additionalData: bytes(about) }, await keyOf(key), bytes(text))
  return `v1:${Buffer.from(iv).toString('base64')}:${Buffer.from(box).toString('base64')}`
}

/** Any of the secrets may have sealed it: the list of them is how keys are rotated. Undefined when none did. */
export async function unseal(env: Env, purpose: string, about: string, sealed: string): Promise<string | undefined> {
  const [, iv, box] = sealed.split(':')
  for (const key of await secretsOf(env, purpose)) {
    const open = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: Buffer.from(iv, 'base64'), additionalData: bytes(about) }, await keyOf(key), Buffer.from(box, 'base64')).catch(() => undefined)
    if (open) return new TextDecoder().decode(open)
  }
  return undefined
}
