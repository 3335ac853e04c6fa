import { eq, inArray } from 'drizzle-orm'
import { address, network, port, router, routerInterface, securityGroup, subnet } from '../../schema/network.ts'
import { host } from '../../schema/host.ts'
import { outside as onPhysical } from '../../schema/hosts.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { atOffset, cidrOf, defaultPools, newMac, offsetOf, rangesOf, toNumber } from './addresses.ts'
import { ensureDefaultGroup } from './security/groups.ts'

/** The `public` network, and a network, subnet and router for the project `demo`; what has its name already is left alone. */
export async function seedNetwork(ctx: Ctx, input: { project: string; adminProject: string; externalCidr: string }) {
  const [there, groups, hosts] = await ctx.read(
    q.select({ name: network.name }).from(network).where(inArray(network.name, ['public', 'demo'])),
    q.select().from(securityGroup).where(eq(securityGroup.project, input.project)),
    q.select({ id: host.id }).from(host).limit(1))
  if (there.length) return
  const now = ctx.now()
  const standard = (project: string, name: string) => ({ id: ctx.uuid(), project, name, description: '', tags: [], revision: 1, createdAt: now, updatedAt: now })
  const addPort = (net: string, project: string, owner: string, device: string, sub: { id: string; cidr: string }, text: string) => {
    const p = { ...standard(project, ''), network: net, mac: newMac(ctx.world.random(3)), deviceOwner: owner, device, status: 'ACTIVE' as const, portSecurity: false }
    ctx.stage(q.insert(port).values(p))
    ctx.stage(q.insert(address).values({ subnet: sub.id, address: text, n: offsetOf(cidrOf(sub.cidr), toNumber(text)), port: p.id, network: net }))
    return p.id
  }
  const addSubnet = (net: string, project: string, name: string, cidrText: string, more: { dhcp: boolean; dns?: string[]; from?: number }) => {
    const cidr = cidrOf(cidrText), gateway = atOffset(cidr, 1)
    const pools = more.from ? [{ start: atOffset(cidr, more.from), end: atOffset(cidr, Number(cidr.last - cidr.first) - 1) }] : defaultPools(cidr, gateway)
    const row = { ...standard(project, name), network: net, version: 4, cidr: cidr.text, gateway, dhcp: more.dhcp, dns: more.dns ?? [], pools, ranges: rangesOf(cidr, pools) }
    ctx.stage(q.insert(subnet).values(row))
    return row
  }
  const ext = { ...standard(input.adminProject, 'public'), external: true, isDefault: true, mtu: 1500, providerType: 'flat' as const, physicalNetwork: onPhysical, vni: 1, portSecurity: false }
  const own = { ...standard(input.project, 'demo'), mtu: 1450, providerType: 'vxlan' as const, segment: 2, vni: 2 }
  ctx.stage(q.insert(network).values([{ ...ext, segment: null }, { ...own, physicalNetwork: null }]))
  const outside = addSubnet(ext.id, input.adminProject, 'public-subnet', input.externalCidr, { dhcp: false, from: 10 })
  const inside = addSubnet(own.id, input.project, 'demo-subnet', '10.20.0.0/24', { dhcp: true })
  const r = { ...standard(input.project, 'demo-router'), externalNetwork: ext.id, host: hosts[0]?.id ?? null }
  const gatewayPort = addPort(ext.id, '', 'network:router_gateway', r.id, outside, atOffset(cidrOf(outside.cidr), 10))
  ctx.stage(q.insert(router).values({ ...r, gatewayPort }))
  const leg = addPort(own.id, input.project, 'network:router_interface', r.id, inside, inside.gateway)
  ctx.stage(q.insert(routerInterface).values({ router: r.id, port: leg, subnet: inside.id }))
  addPort(own.id, input.project, 'network:dhcp', `dhcp-${own.id}`, inside, atOffset(cidrOf(inside.cidr), 2))
  ensureDefaultGroup(ctx, input.project, groups.filter((g) => g.isDefault))
}
