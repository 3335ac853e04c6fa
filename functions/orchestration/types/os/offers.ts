import type { Invocation } from '../../../kernel/invoke.ts'
import { services } from '../../../services.ts'

/** Whether this cloud has an operation at all. */
export async function offers(service: string, method: Invocation['method'], path: string): Promise<boolean> {
  const load = services[service]
  return Boolean(load && (await load()).default.match(method, path).candidates?.length)
}
