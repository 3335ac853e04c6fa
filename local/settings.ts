import { readFileSync } from 'node:fs'

const taken = ['TRUSTED_DASHBOARDS', 'SAML_KEY', 'SAML_CERTIFICATE', 'TOKEN_SECONDS', 'KEY_SECONDS', 'SECURITY', 'TRUSTED_CERTIFICATES', 'PROXY_SECRET', 'CUSTOM_RESOURCES', 'TEMPLATE_URLS']

/**
 * What an operator gives the functions besides, from the environment of `npm start`. A policy that cannot be read is no start. What
 * judges it is loaded only where there is something to judge: it is half of the functions, and this process stays.
 */
export async function settings(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const out: Record<string, string> = {}
  for (const name of taken) if (env[name]) out[name] = env[name]
  if (out.SECURITY) {
    const { securityOf } = await import('../functions/identity/security.ts')
    securityOf(out as never)
  }
  if (env.POLICY_OVERRIDES) {
    const [{ unknownIn }, { fileOf }] = await Promise.all([import('./policy.ts'), import('../functions/kernel/overrides.ts')])
    for (const n of await unknownIn(env.POLICY_OVERRIDES)) console.error(`${env.POLICY_OVERRIDES}: nothing here asks for ${n}: the rule has no effect`)
    out.POLICY = JSON.stringify(await fileOf(readFileSync(env.POLICY_OVERRIDES, 'utf8')))
  }
  return out
}
