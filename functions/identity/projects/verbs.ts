import { and, eq, inArray, sql } from 'drizzle-orm'
import { applicationCredential, assignment, credential, endpointGroupProject, endpointProject, limit, oauthToken, project, trust, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { homeDomain } from '../domains/home.ts'
import { revoke, revokeAll } from '../revoke.ts'
import { extraOf, found, mergeOptions, mutable } from '../wire.ts'
import { aboveIs, belowIs, family } from './family.ts'
import type { Project } from './model.ts'
import { alongside, counts, defaultGroups, forgotten, stillOwned } from './owned.ts'
import { remover, removeGiven } from './remover.ts'

const taken = (what: string) => () => conflict(`Conflict occurred attempting to store ${what} - it is not permitted to have two ${what}s with the same name${what === 'project' ? ' in the same domain' : ''}.`)
onDuplicate('project.domain_id, project.name', taken('project'))
onDuplicate('project.name', taken('domain'))

const DEPTH = 5
const KNOWN = ['name', 'domain_id', 'parent_id', 'is_domain', 'enabled', 'description', 'tags', 'options']
export const one = (id: string) => q.select().from(project).where(eq(project.id, id))
type Given = Record<string, any>

/** Tags are a set of words. */
export const tagsOf = (tags: string[]) => [...new Set(tags)].sort()

export async function createProject(ctx: Ctx, given: Given): Promise<Project> {
  const isDomain = given.is_domain ?? false
  if (isDomain && given.parent_id) throw invalid('A project that acts as a domain has no parent.')
  const parentId = isDomain ? null : given.parent_id ?? given.domain_id ?? homeDomain(ctx)
  const [[parent], above] = await ctx.read(one(parentId ?? ''), family(aboveIs(parentId ?? '')))
  if (parentId !== null) found(parent, 'project', parentId)
  const domain = isDomain ? null : parent.isDomain ? parent.id : parent.domain
  if (!isDomain && given.domain_id && given.domain_id !== domain) throw invalid('The domain of a project is the domain of its parent.')
  ctx.may('identity:create_project', { domain })
  if (!isDomain && !(parent.enabled && above.every((p) => p.enabled))) throw forbidden(`Cannot create a project below ${parentId}: it or a project above it is disabled.`)
  if (above.length + 1 > DEPTH) throw forbidden(`Max hierarchy depth reached for ${parentId} branch.`)
  const row: Project = {
    id: hex32(ctx.world), name: given.name.trim(), domain, parent: parentId, isDomain, enabled: given.enabled ?? true, description: given.description ?? '',
    tags: tagsOf(given.tags ?? []), options: mergeOptions({}, given.options), extra: extraOf(given, KNOWN), createdAt: ctx.now(),
  }
  ctx.stage(q.insert(project).values(row))
  ctx.about(row.id)
  return row
}

export async function updateProject(ctx: Ctx, id: string, given: Given, as: 'project' | 'domain'): Promise<Project> {
  const [[row], above, [busy]] = await ctx.read(one(id), family(aboveIs(id)), q.select({ id: project.id }).from(project).where(and(belowIs(id), eq(project.enabled, true))).limit(1))
  if (as === 'project') ctx.may('identity:update_project', { project: id, domain: row?.domain ?? row?.id })
  if (!row || (as === 'domain' && !row.isDomain)) throw found(undefined, as, id)
  mutable(as, row, given)
  if (given.parent_id !== undefined && given.parent_id !== row.parent) throw forbidden('Update of `parent_id` is not allowed.')
  if (given.domain_id !== undefined && given.domain_id !== row.domain) throw invalid('Cannot change Domain ID')
  if (given.is_domain !== undefined && given.is_domain !== row.isDomain) throw invalid('Update of `is_domain` is not allowed.')
  if (given.enabled === true && !row.enabled && above.some((p) => !p.enabled)) throw forbidden(`Cannot enable project ${id} since it has disabled parents.`)
  if (given.enabled === false && row.enabled) {
    if (row.id === 'default') throw forbidden('The default domain cannot be disabled.')
    if (!row.isDomain && busy) throw forbidden(`Cannot disable project ${id} since its subtree contains enabled projects.`)
    revoke(ctx, `p:${id}`, ...(row.isDomain ? [`d:${id}`] : []))
  }
  const next: Project = {
    ...row, name: given.name?.trim() ?? row.name, enabled: given.enabled ?? row.enabled, description: given.description === undefined ? row.description : given.description ?? '',
    tags: given.tags ? tagsOf(given.tags) : row.tags, options: mergeOptions(row.options, given.options), extra: { ...row.extra, ...extraOf(given, KNOWN) },
  }
  ctx.stage(q.update(project).set(next).where(eq(project.id, id)), 'stale')
  return next
}

/** What is kept about projects goes with them, and every token for them ends. Ids come from a query. */
export function forgetProjects(ctx: Ctx, ids: ReturnType<typeof sql>) {
  revokeAll(ctx, sql`select 'p:' || id as subject from project where id in ${ids} union all select 'd:' || id from project where is_domain = 1 and id in ${ids}`)
  ctx.stage(q.delete(assignment).where(inArray(assignment.target, ids)))
  ctx.stage(q.delete(credential).where(inArray(credential.project, ids)))
  ctx.stage(q.delete(applicationCredential).where(inArray(applicationCredential.project, ids)))
  ctx.stage(q.update(trust).set({ deletedAt: ctx.now() }).where(inArray(trust.project, ids)))
  ctx.stage(q.delete(oauthToken).where(inArray(oauthToken.project, ids)))
  ctx.stage(q.delete(endpointProject).where(inArray(endpointProject.project, ids)))
  ctx.stage(q.delete(endpointGroupProject).where(inArray(endpointGroupProject.project, ids)))
  ctx.stage(q.delete(limit).where(inArray(limit.project, ids)))
  for (const f of forgotten) ctx.stage(q.run(sql`delete from ${sql.identifier(f.name)} where ${sql.identifier(f.owner)} in ${ids}`))
  ctx.stage(q.update(user).set({ defaultProject: null }).where(inArray(user.defaultProject, ids)))
}

/**
 * Refused while it owns anything in any service: what that is stands in the answer, and `purge` removes it first. With `cascade`, all below
 * goes with it; then each of them has to be disabled.
 */
export async function deleteProject(ctx: Ctx, id: string, cascade: boolean, purge = false): Promise<string | undefined> {
  const all = cascade ? sql`(select ${id} union select id from project where ${belowIs(id)})` : id
  const [[row], [child], below, things, given, groups, [home]] = await ctx.read(one(id), q.select({ id: project.id }).from(project).where(eq(project.parent, id)).limit(1), family(cascade ? belowIs(id) : sql`0`),
    q.all<{ kind: string; n: number }>(counts(all)), q.all<{ kind: string; project: string }>(alongside(all)), q.all<{ id: string }>(defaultGroups(all)), q.select().from(project).where(eq(project.id, sql`(select domain_id from project where id = ${id})`)))
  ctx.may('identity:delete_project', { project: id, domain: row?.domain ?? row?.id })
  found(row, 'project', id)
  for (const p of [row, ...below]) mutable('project', p)
  if (row.isDomain && row.enabled) throw forbidden('Cannot delete a domain that is enabled, please disable it first.')
  const enabled = cascade && [row, ...below].find((p) => p.enabled)
  if (enabled) throw forbidden(`Cannot delete the project ${id} with all below it since ${enabled.id} is enabled. Disable each of them first.`)
  if (child && !cascade) throw forbidden(`Cannot delete the project ${id} since it is not a leaf in the hierarchy. Delete its children first.`)
  const at = { id, name: row.name, domain: { id: home?.id ?? id, name: home?.name ?? row.name } }
  const left = stillOwned(things, groups.length)
  if (left && purge && !cascade) return (await import('./purge.ts')).startPurge(ctx, row, { keep: false, before: null, found: Object.fromEntries(things.map((t) => [t.kind, t.n])), domain: at.domain })
  if (left) throw conflict(`Project ${id} still owns ${left}. GET /v3/projects/${id}/inventory?items lists them; delete them first, or delete the project with purge=true.`)
  if (given.length || groups.length) await removeGiven(ctx, await remover(ctx, ctx.caller.user, at), given, groups)
  const ids = sql`${[...below.map((p) => p.id), id]}`
  forgetProjects(ctx, ids)
  if (below.length) ctx.stage(q.delete(project).where(inArray(project.id, below.map((p) => p.id))))
  ctx.stage(q.delete(project).where(and(eq(project.id, id), sql`not exists (select 1 from project c where c.parent_id = ${id})`)), 'stale')
  return undefined
}
