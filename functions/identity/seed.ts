import { and, eq, inArray } from 'drizzle-orm'
import { assignment, endpoint, impliedRole, project, region, role, service, user } from '../../schema/identity.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { hex32 } from '../kernel/env.ts'
import { bump } from './directory.ts'
import { checkPassword, hashPassword } from './passwords.ts'

export interface Seed { adminPassword: string; demoPassword: string; publicUrl: string; region: string }

/** What every cloud starts with, by what each implies: admin ⊃ manager ⊃ member ⊃ reader; service stands apart. */
const ROLES = ['admin', 'manager', 'member', 'reader', 'service']
const CATALOG: [type: string, name: string, path: string, description: string][] = [
  ['identity', 'keystone', '/identity/v3', 'Identity'], ['image', 'glance', '/image', 'Image'], ['compute', 'nova', '/compute/v2.1', 'Compute'],
  ['placement', 'placement', '/placement', 'Placement'], ['network', 'neutron', '/network', 'Network'],
  ['volumev3', 'cinderv3', '/volume/v3/$(project_id)s', 'Block storage'], ['block-storage', 'cinder', '/volume/v3/$(project_id)s', 'Block storage'],
  ['orchestration', 'heat', '/orchestration/v1/$(project_id)s', 'Orchestration'], ['cloudformation', 'heat-cfn', '/cloudformation/v1', 'CloudFormation'],
  ['ec2', 'ec2', '/ec2', 'Instances by the EC2 API'], ['sts', 'sts', '/sts', 'Whose key it is'], ['ssm', 'ssm', '/ssm', 'Parameters by name'], ['iam', 'iam', '/iam', 'Access keys'],
]

/** Makes what is missing and corrects what the options say now (passwords, addresses); does nothing when all is so. */
export async function seedIdentity(ctx: Ctx, seed: Seed): Promise<{ admin: { project: string }; demo: { project: string; user: string } }> {
  const now = ctx.now(), base = seed.publicUrl.replace(/\/$/, '')
  const [roles, projects, users, regions, services, endpoints] = await ctx.read(
    q.select().from(role).where(inArray(role.name, ROLES)),
    q.select().from(project).where(inArray(project.name, ['Default', 'admin', 'demo', 'service'])),
    q.select().from(user).where(and(eq(user.domain, 'default'), inArray(user.name, ['admin', 'demo']))),
    q.select().from(region), q.select().from(service), q.select().from(endpoint))

  let moved = false
  const roleId = Object.fromEntries(ROLES.map((name) => [name, roles.find((r) => r.name === name && r.domain === null)?.id ?? hex32(ctx.world)]))
  for (const [i, name] of ROLES.entries()) {
    if (roles.some((r) => r.id === roleId[name])) continue
    moved = true
    ctx.stage(q.insert(role).values({ id: roleId[name], name, options: name === 'admin' ? { immutable: true } : {}, createdAt: now }))
    if (i > 0 && name !== 'service') ctx.stage(q.insert(impliedRole).values({ prior: roleId[ROLES[i - 1]], implied: roleId[name] }).onConflictDoNothing())
  }
  if (!projects.some((p) => p.id === 'default')) ctx.stage(q.insert(project).values({ id: 'default', name: 'Default', isDomain: true, description: 'The default domain', createdAt: now }))
  const projectId = (name: string, description: string) => {
    const have = projects.find((p) => p.name === name && p.domain === 'default' && !p.isDomain)
    const id = have?.id ?? hex32(ctx.world)
    if (!have) ctx.stage(q.insert(project).values({ id, name, domain: 'default', parent: 'default', description, createdAt: now }))
    return id
  }
  const admin = projectId('admin', "The operator's own project"), demo = projectId('demo', 'A project to try things in')
  projectId('service', 'For services that act on their own')

  const userId = async (name: string, password: string, home: string) => {
    const have = users.find((u) => u.name === name)
    const id = have?.id ?? hex32(ctx.world)
    if (!have) ctx.stage(q.insert(user).values({ id, name, domain: 'default', password: await hashPassword(ctx.world, password), defaultProject: home, createdAt: now }))
    else if (!have.password || !await checkPassword(password, have.password)) ctx.stage(q.update(user).set({ password: await hashPassword(ctx.world, password) }).where(eq(user.id, id)))
    return id
  }
  const adminUser = await userId('admin', seed.adminPassword, admin), demoUser = await userId('demo', seed.demoPassword, demo)
  const grant = (actor: string, scope: 'project' | 'domain' | 'system', target: string, name: string) =>
    ctx.stage(q.insert(assignment).values({ actorKind: 'user', actor, scope, target, role: roleId[name] }).onConflictDoNothing())
  if (!users.some((u) => u.id === adminUser)) { grant(adminUser, 'project', admin, 'admin'); grant(adminUser, 'domain', 'default', 'admin'); grant(adminUser, 'system', 'system', 'admin'); grant(adminUser, 'project', demo, 'admin') }
  if (!users.some((u) => u.id === demoUser)) grant(demoUser, 'project', demo, 'member')

  if (!regions.some((r) => r.id === seed.region)) ctx.stage(q.insert(region).values({ id: seed.region }))
  for (const [type, name, path, description] of CATALOG) {
    const have = services.find((s) => s.type === type && s.name === name), id = have?.id ?? hex32(ctx.world)
    if (!have) { moved = true; ctx.stage(q.insert(service).values({ id, type, name, description })) }
    for (const which of ['public', 'internal', 'admin'] as const) {
      const now = endpoints.find((e) => e.service === id && e.interface === which && e.region === seed.region)
      if (now?.url === base + path) continue
      moved = true
      ctx.stage(now ? q.update(endpoint).set({ url: base + path }).where(eq(endpoint.id, now.id))
        : q.insert(endpoint).values({ id: hex32(ctx.world), service: id, region: seed.region, interface: which, url: base + path }))
    }
  }
  if (moved) bump(ctx)
  return { admin: { project: admin }, demo: { project: demo, user: demoUser } }
}
