import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import type { Sealed } from '../../schema/kernel.ts'
import type { Env, World } from './env.ts'

/** What is kept of a random secret that is only ever shown again: it finds it, and is good for nothing else. */
export const hashed = (secret: string) => createHash('sha256').update(secret).digest('hex')

const derived = new Map<string, Uint8Array>()
/** MASTER_SECRET may list several, separated by commas: the first signs, all verify, so that rotation refuses nobody. */
export function secretsOf(env: Env, purpose: string): Uint8Array[] {
  return env.MASTER_SECRET.split(',').map((secret) => {
    const at = `${purpose}\n${secret}`
    let key = derived.get(at)
    if (!key) derived.set(at, key = new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)))
    return key
  })
}

const TAG = 16
/** Encrypts what must not lie readable in the database. `purpose` chooses the key, `about` binds the secret to its row. */
export function seal(env: Env, world: World, purpose: string, about: string, text: string): string {
  const iv = world.random(12), cipher = createCipheriv('aes-256-gcm', secretsOf(env, purpose)[0], iv).setAAD(Buffer.from(about))
  const box = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1:${Buffer.from(iv).toString('base64')}:${box.toString('base64')}`
}

/** Any of the secrets may have sealed it: the list of them is how keys are rotated. Undefined when none did. */
export function unseal(env: Env, purpose: string, about: string, sealed: string): string | undefined {
  const [, iv = '', box = ''] = sealed.split(':'), bytes = Buffer.from(box, 'base64')
  for (const key of secretsOf(env, purpose)) {
    try {
      const cipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64')).setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(-TAG))
      return Buffer.concat([cipher.update(bytes.subarray(0, -TAG)), cipher.final()]).toString()
    } catch { /* Another's. */ }
  }
  return undefined
}

const NOTHING = new Set(['{}', '[]', 'null', '""'])
/** A value as its column keeps it. */
export function shut<T>({ env, world }: { env: Env; world: World }, purpose: string, about: string, value: T): Sealed<T> {
  const text = JSON.stringify(value)
  return (NOTHING.has(text) ? text : seal(env, world, purpose, about, text)) as Sealed<T>
}
export function open<T>({ env }: { env: Env }, purpose: string, about: string, text: Sealed<T>): T {
  if (!text.startsWith('v1:')) return JSON.parse(text) as T
  const json = unseal(env, purpose, about, text)
  if (json === undefined) throw new Error(`what was sealed about ${about} cannot be opened with any of the secrets in MASTER_SECRET`)
  return JSON.parse(json) as T
}
