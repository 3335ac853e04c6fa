import { Fault, invalid } from '../../../../kernel/fault.ts'
import { list, live, map, text, type Property, type Sketch, type Work } from '../../provider.ts'

/** What the EC2 types share: tags, names, and where a VPC's router is. */
export const tag = map({ Key: text({ required: true }), Value: text({ required: true }) })
export const tags = list(tag, { ...live, description: 'Key-value pairs.' })
/** Taken, as templates have them, and without effect here. */
export const unused = (p: Property): Property => ({ ...p, ...live, ignored: true })

export const nameOf = (r: Work, limit?: number): string => (r.properties.Tags as { Key: string; Value: string }[] | undefined)?.find((t) => t.Key === 'Name')?.Value.slice(0, limit ?? 255) || r.uniqueName(limit)
export const tagMap = (list: { Key: string; Value: string }[] | undefined) => Object.fromEntries((list ?? []).map((t) => [t.Key, t.Value]))

export const net = (r: Work, path: string, query?: Record<string, string>) => r.call({ service: 'network', method: 'GET', path, query })
export const put = (r: Work, path: string, body: unknown) => r.call({ service: 'network', method: 'PUT', path, body })

/** A VPC is a network and a router of this name; routes of all its tables and its gateway are the router's. */
export const routerName = (vpc: string) => `vpc-${vpc}`
export async function vpcRouter(r: Work, vpc: string): Promise<any> {
  const [router] = (await net(r, '/routers', { name: routerName(vpc) })).routers
  if (!router) throw invalid(`The vpc ID '${vpc}' does not exist`)
  return router
}
export async function outside(r: Work): Promise<string> {
  const { networks } = await net(r, '/networks', { 'router:external': 'true' })
  const [one] = [...networks].sort((a: any, b: any) => Number(b.is_default ?? false) - Number(a.is_default ?? false))
  if (!one) throw invalid('There is no external network, so nothing of this project can be reached from outside.')
  return one.id
}

/** Content when it is gone already. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try { return await work() } catch (e) { if (e instanceof Fault && e.kind === 'notFound') return undefined; throw e }
}

/** The port an instance is reached by, or the one that has this address. */
export async function portOf(r: Work, instance: string, address?: string): Promise<any> {
  const ports = (await net(r, '/ports', { device_id: instance })).ports as any[]
  const port = address ? ports.find((p) => p.fixed_ips.some((f: any) => f.ip_address === address)) : ports.sort((a, b) => (a.created_at < b.created_at ? -1 : 1))[0]
  if (!port) throw invalid(address ? `The address ${address} is none of instance ${instance}.` : `The instance ID '${instance}' does not exist, or has no network interface.`)
  return port
}
export const addressOf = (port: any): string => port.fixed_ips.find((f: any) => !f.ip_address.includes(':'))?.ip_address ?? port.fixed_ips[0]?.ip_address ?? ''

/** Resources of these types come first, where the template has any. */
export const afterTypes = (...types: string[]) => (_: Sketch, others: Sketch[]) => others.filter((o) => types.includes(o.type)).map((o) => o.name)
export const GATEWAY = 'AWS::EC2::VPCGatewayAttachment'
