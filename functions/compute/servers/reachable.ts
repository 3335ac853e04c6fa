import { Buffer } from 'node:buffer'
import type { Env } from '../../kernel/env.ts'

/**
 * User data (base64) as its guest can use it: addresses of signals lead through the guest's metadata address, from where its
 * host passes them on. Guests on isolated networks cannot reach the control plane themselves.
 */
export function reachable(env: Pick<Env, 'PUBLIC_URL' | 'GUEST_URL'>, userData: string | null): string | undefined {
  if (!userData || !env.PUBLIC_URL) return userData ?? undefined
  const own = `${env.PUBLIC_URL.replace(/\/+$/, '')}/`, theirs = `${env.GUEST_URL ?? 'http://169.254.169.254'}/`
  const text = Buffer.from(userData, 'base64').toString('latin1')
  if (!text.includes(own)) return userData
  const parts = text.split(own).map((part, i) => (i === 0 ? part : (signals.test(part) ? theirs : own) + part))
  return Buffer.from(parts.join(''), 'latin1').toString('base64')
}

/** Both APIs' addresses of signals. */
const signals = /^(?:orchestration\/v1\/[0-9a-f-]{32,36}\/signals|cloudformation\/v1\/(?:waitcondition|signal))\//
