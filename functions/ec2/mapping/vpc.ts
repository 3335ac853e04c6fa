import { Fault, invalid } from '../../kernel/fault.ts'
import { contains, readCidr } from '../../network/addresses.ts'
import type { Invocation } from '../../kernel/invoke.ts'

/** What stands for a VPC and its parts here: for the EC2 API and for the types of stacks alike. Whoever asks says how. */
export interface Asks { call(to: Invocation): Promise<any> }

export const net = (r: Asks, path: string, query?: Record<string, string | string[]>) => r.call({ service: 'network', method: 'GET', path, query })
export const put = (r: Asks, path: string, body: unknown) => r.call({ service: 'network', method: 'PUT', path, body })

/** A VPC is a network and a router of this name; routes of all its tables and its gateway are the router's. */
export const routerName = (vpc: string) => `vpc-${vpc}`
/** Of networks that were made otherwise: the one that has a leg there. */
export async function routersOf(r: Asks, vpcs: string[]): Promise<Map<string, any>> {
  if (!vpcs.length) return new Map()
  const [{ routers }, { ports }] = await Promise.all([net(r, '/routers'), net(r, '/ports', { network_id: vpcs, device_owner: 'network:router_interface' })])
  const found = vpcs.map((vpc) => [vpc, routers.find((x: any) => x.name === routerName(vpc)) ?? routers.find((x: any) => ports.some((p: any) => p.network_id === vpc && p.device_id === x.id))] as const)
  return new Map(found.filter(([, router]) => router))
}
export async function vpcRouter(r: Asks, vpc: string): Promise<any> {
  const [named] = (await net(r, '/routers', { name: routerName(vpc) })).routers, router = named ?? (await routersOf(r, [vpc])).get(vpc)
  if (!router) throw invalid(`The vpc ID '${vpc}' does not exist`)
  return router
}

/** A network and its router, in one unit. */
export async function makeVpc(r: Asks, o: { name: string; cidr?: string }): Promise<{ network: any; router: any }> {
  const { network } = await r.call({ service: 'network', method: 'POST', path: '/networks', body: { network: { name: o.name, description: o.cidr ? `vpc ${o.cidr}` : 'vpc' } } })
  const { router } = await r.call({ service: 'network', method: 'POST', path: '/routers', body: { router: { name: routerName(network.id) } } })
  return { network, router }
}
/** The range its subnets lie in, when one was said. */
export const rangeOf = (network: any): string | undefined => /^vpc (\S+)$/.exec(network.description ?? '')?.[1]

/** A part of a VPC; the router's leg there is the next step. */
export async function makeSubnet(r: Asks, o: { network: any; cidr: string; name: string; description?: string; dns?: string[] }): Promise<any> {
  const range = rangeOf(o.network), cidr = readCidr(o.cidr, 'CidrBlock'), whole = range && readCidr(range, 'CidrBlock')
  if (whole && !(contains(whole, cidr.first) && contains(whole, cidr.last))) throw invalid(`The CIDR '${o.cidr}' is invalid: it does not lie within '${range}', the VPC's.`)
  return (await r.call({ service: 'network', method: 'POST', path: '/subnets', body: { subnet: { network_id: o.network.id, cidr: cidr.text, ip_version: cidr.version, name: o.name, description: o.description ?? '', ...(o.dns ? { dns_nameservers: o.dns } : {}) } } })).subnet
}
/** Legs of routers in a subnet. */
export const legsIn = async (r: Asks, subnet: string): Promise<{ device_id: string }[]> => (await net(r, '/ports', { fixed_ips: `subnet_id=${subnet}`, device_owner: 'network:router_interface' })).ports

export async function outside(r: Asks): Promise<string> {
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
export async function portOf(r: Asks, instance: string, address?: string): Promise<any> {
  const ports = (await net(r, '/ports', { device_id: instance })).ports as any[]
  const port = address ? ports.find((p) => p.fixed_ips.some((f: any) => f.ip_address === address)) : ports.sort((a, b) => (a.created_at < b.created_at ? -1 : 1))[0]
  if (!port) throw invalid(address ? `The address ${address} is none of instance ${instance}.` : `The instance ID '${instance}' does not exist, or has no network interface.`)
  return port
}
export const addressOf = (port: any): string => port.fixed_ips.find((f: any) => !f.ip_address.includes(':'))?.ip_address ?? port.fixed_ips[0]?.ip_address ?? ''
