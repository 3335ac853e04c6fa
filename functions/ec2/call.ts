import type { Ctx } from '../kernel/ctx.ts'
import { Fault } from '../kernel/fault.ts'
import { invoke, type Invocation } from '../kernel/invoke.ts'
import { type Noun, unknown, uuidOf } from './ids.ts'

/** Other services, asked in the caller's own name. */
export const call = async (ctx: Ctx, to: Invocation) => (await invoke(ctx, ctx.caller, to)).body
export type Query = Record<string, string | string[]>
const getter = (service: string, version?: string) => (ctx: Ctx, path: string, query?: Query) => call(ctx, { service, version, method: 'GET', path, query })
export const compute = getter('compute', '2.96'), network = getter('network'), volume = getter('volume', '3.70'), image = getter('image')
export const change = (service: string) => (ctx: Ctx, method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  call(ctx, { service, method, path, body, version: service === 'compute' ? '2.96' : service === 'volume' ? '3.70' : undefined, headers: method === 'PATCH' ? { 'content-type': 'application/openstack-images-v2.1-json-patch' } : undefined })
export const toCompute = change('compute'), toNetwork = change('network'), toVolume = change('volume'), toImage = change('image')

/** Whatever a service says of a thing it does not know, in EC2's words. */
export async function known<T>(noun: Noun, id: string, work: (uuid: string) => Promise<T>): Promise<T> {
  const uuid = uuidOf(noun, id)
  try { return await work(uuid) } catch (e) { if (e instanceof Fault && e.kind === 'notFound') throw unknown(noun, id); throw e }
}
/** As AWS says what a thing's state does not allow, where a service speaks of a conflict. */
export async function unless<T>(kind: Fault['kind'], fault: (e: Fault) => Fault, work: () => Promise<T>): Promise<T> {
  try { return await work() } catch (e) { if (e instanceof Fault && e.kind === kind) throw fault(e); throw e }
}

const where: Partial<Record<Noun, [ask: (ctx: Ctx, path: string) => Promise<any>, path: string, key: string]>> = {
  instance: [compute, '/servers', 'server'], volume: [volume, '/volumes', 'volume'], snapshot: [volume, '/snapshots', 'snapshot'], image: [image, '/images', ''],
  vpc: [network, '/networks', 'network'], subnet: [network, '/subnets', 'subnet'], 'network-interface': [network, '/ports', 'port'], 'security-group': [network, '/security-groups', 'security_group'], 'elastic-ip': [network, '/floatingips', 'floatingip'],
}
/** One thing, as its own service shows it. */
export const one = (ctx: Ctx, noun: keyof typeof where, id: string): Promise<any> => known(noun, id, async (uuid) => {
  const [ask, path, key] = where[noun]!, body = await ask(ctx, `${path}/${uuid}`)
  return key ? body[key] : body
})
