import type { Env, World } from '../kernel/env.ts'
import * as secrets from '../kernel/secrets.ts'

/** Credentials at rest. */
export const seal = (env: Env, world: World, about: string, text: string) => secrets.seal(env, world, 'credential', about, text)

export async function unseal(env: Env, about: string, sealed: string): Promise<string> {
  const open = await secrets.unseal(env, 'credential', about, sealed)
  if (open === undefined) throw new Error('a credential cannot be opened with any of the secrets in MASTER_SECRET')
  return open
}
