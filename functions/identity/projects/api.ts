import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { project, projectTag } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { listDomain } from '../domains/home.ts'
import { filters, listed, page, paged } from '../list.ts'
import { endpoint } from '../service.ts'
import { projectsOf } from '../tokens/scopes.ts'
import { flag, found, idOrNull, nameTo, object, text, wrapped } from '../wire.ts'
import { aboveIs, belowIs, family, treeAbove, treeBelow } from './family.ts'
import { projectView, type Project } from './model.ts'
import { createProject, deleteProject, one, tagsOf, updateProject } from './verbs.ts'

const tag = t.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' })
const tags = t.Array(tag, { maxItems: 80 })
const fields = { name: nameTo(64), domain_id: idOrNull, parent_id: idOrNull, is_domain: flag, enabled: flag, description: text, tags, options: object }

/** By the rows the database keeps of tags: `tags` and `not-tags` take projects with all of them, the others with any. */
function byTags(query: URLSearchParams): SQL[] {
  const words = (name: string) => query.get(name)?.split(',') ?? [], having = (tags: string[]) => inArray(project.id, q.select({ id: projectTag.project }).from(projectTag).where(inArray(projectTag.tag, tags)))
  const all = (name: string) => words(name).map((w) => having([w])), any = (name: string) => (words(name).length ? [having(words(name))] : [])
  const not = (of: SQL[]) => (of.length ? [sql`not (${sql.join(of, sql` and `)})`] : [])
  return [...all('tags'), ...any('tags-any'), ...not(all('not-tags')), ...not(any('not-tags-any'))]
}

export const list = endpoint({
  id: 'projects.list', method: 'GET', path: '/projects', status: 200, policy: 'identity:list_projects', summary: 'List projects',
  async handle(ctx, input) {
    const asDomains = /^(true|1)$/i.test(input.query.get('is_domain') ?? '')
    const domain = listDomain(ctx, 'identity:list_projects', input.query)
    const query = paged(project, project.id, input, and(eq(project.isDomain, asDomains), domain ? eq(asDomains ? project.id : project.domain, domain) : undefined,
      filters(input.query, { name: project.name, enabled: project.enabled, parent_id: project.parent }), ...byTags(input.query)))
    const [rows] = await ctx.read(query.query)
    return page(ctx, input, 'projects', rows as Project[], query.limit, (p) => p.id, (p) => projectView(ctx, p))
  },
})

export const create = endpoint({
  id: 'projects.create', method: 'POST', path: '/projects', status: 201, policy: 'identity:create_project', summary: 'Create a project',
  body: { '3.0': wrapped('project', fields, ['name']) },
  async handle(ctx, { body }) { return { project: projectView(ctx, await createProject(ctx, body.project as Record<string, any>)) } },
})

export const show = endpoint({
  id: 'projects.show', method: 'GET', path: '/projects/{project}', status: 200, policy: 'identity:get_project', summary: 'Show a project, with its parents or children when asked',
  async handle(ctx, { params, query }) {
    const id = params.project
    const [[row], above, below, mine] = await ctx.read(one(id), family(aboveIs(id)), family(query.has('subtree_as_list') || query.has('subtree_as_ids') ? belowIs(id) : sql`0`), projectsOf(ctx.caller.user.id))
    ctx.may('identity:get_project', { project: id, domain: row?.domain ?? row?.id })
    found(row, 'project', id)
    const both = (a: string, b: string) => { if (query.has(a) && query.has(b)) throw invalid(`Cannot use ${a} and ${b} query params at the same time.`) }
    both('parents_as_list', 'parents_as_ids'); both('subtree_as_list', 'subtree_as_ids')
    const known = new Set(mine.map((p) => p.id)), seen = (rows: Project[]) => rows.filter((p) => known.has(p.id)).map((p) => ({ project: projectView(ctx, p) }))
    return { project: {
      ...projectView(ctx, row),
      ...(query.has('parents_as_list') && { parents: seen(above) }), ...(query.has('parents_as_ids') && { parents: treeAbove(above, row) }),
      ...(query.has('subtree_as_list') && { subtree: seen(below) }), ...(query.has('subtree_as_ids') && { subtree: treeBelow(below, id) }),
    } }
  },
})

export const update = endpoint({
  id: 'projects.update', method: 'PATCH', path: '/projects/{project}', status: 200, policy: 'identity:update_project', summary: 'Change a project',
  body: { '3.0': wrapped('project', fields) },
  async handle(ctx, { params, body }) { return { project: projectView(ctx, await updateProject(ctx, params.project, body.project as Record<string, any>, 'project')) } },
})

export const remove = endpoint({
  id: 'projects.delete', method: 'DELETE', path: '/projects/{project}', status: 204, policy: 'identity:delete_project', summary: 'Delete a project; with `cascade=true` those below it too, with `purge=true` what it owns before it',
  async handle(ctx, { params, query }) {
    const said = (name: string) => /^(true|1)$/i.test(query.get(name) ?? ''), purge = await deleteProject(ctx, params.project, said('cascade'), said('purge'))
    return purge && Response.json({ purge: { id: purge, project_id: params.project, status: 'running' } }, { status: 202, headers: { location: `${ctx.origin}/identity/v3/projects/${params.project}/purge` } })
  },
})

const tagged = async (ctx: Ctx, id: string, rule: 'identity:list_project_tags' | 'identity:get_project_tag' | 'identity:update_project_tags' | 'identity:delete_project_tags') => {
  const [[row]] = await ctx.read(one(id))
  ctx.may(rule, { project: id, domain: row?.domain ?? row?.id })
  return found(row, 'project', id)
}
const setTags = (ctx: Ctx, row: Project, words: string[]) =>
  ctx.stage(q.update(project).set({ tags: words }).where(and(eq(project.id, row.id), eq(project.tags, row.tags))), 'stale')
const word = (params: Record<string, string>) => {
  if (params.tag.length > 255 || !/^[^,/]+$/.test(params.tag)) throw invalid('A tag has 1 to 255 characters, and neither a comma nor a slash.')
  return params.tag
}

const look = (method: 'GET' | 'HEAD') => endpoint({
  id: `projects.tags.${method === 'GET' ? 'show' : 'check'}`, method, path: '/projects/{project}/tags/{tag}', status: 204, policy: 'identity:get_project_tag', summary: 'Does a project have a tag?',
  async handle(ctx, { params }) {
    const row = await tagged(ctx, params.project, 'identity:get_project_tag')
    if (!row.tags.includes(params.tag)) throw notFound('tag', params.tag, `Could not find project tag: ${params.tag}.`)
  },
})
export const tagEndpoints = [
  endpoint({
    id: 'projects.tags.list', method: 'GET', path: '/projects/{project}/tags', status: 200, policy: 'identity:list_project_tags', summary: "List a project's tags",
    async handle(ctx, { params, url }) { return listed(ctx, url, 'tags', (await tagged(ctx, params.project, 'identity:list_project_tags')).tags) },
  }),
  endpoint({
    id: 'projects.tags.replace', method: 'PUT', path: '/projects/{project}/tags', status: 200, policy: 'identity:update_project_tags', summary: "Set a project's tags",
    body: { '3.0': t.Object({ tags }) },
    async handle(ctx, { params, body, url }) {
      const words = tagsOf(body.tags)
      setTags(ctx, await tagged(ctx, params.project, 'identity:update_project_tags'), words)
      return listed(ctx, url, 'tags', words)
    },
  }),
  endpoint({
    id: 'projects.tags.clear', method: 'DELETE', path: '/projects/{project}/tags', status: 204, policy: 'identity:delete_project_tags', summary: "Take all tags off a project",
    async handle(ctx, { params }) { setTags(ctx, await tagged(ctx, params.project, 'identity:delete_project_tags'), []) },
  }),
  look('GET'), look('HEAD'),
  endpoint({
    id: 'projects.tags.add', method: 'PUT', path: '/projects/{project}/tags/{tag}', status: 201, policy: 'identity:update_project_tags', summary: 'Put a tag on a project',
    async handle(ctx, { params, url }) {
      const row = await tagged(ctx, params.project, 'identity:update_project_tags'), words = tagsOf([...row.tags, word(params)])
      if (words.length > 80) throw invalid('A project has at most 80 tags.')
      setTags(ctx, row, words)
      ctx.headers.set('location', `${ctx.origin}${url.pathname}`)
    },
  }),
  endpoint({
    id: 'projects.tags.remove', method: 'DELETE', path: '/projects/{project}/tags/{tag}', status: 204, policy: 'identity:delete_project_tags', summary: 'Take a tag off a project',
    async handle(ctx, { params }) {
      const row = await tagged(ctx, params.project, 'identity:delete_project_tags')
      if (!row.tags.includes(params.tag)) throw notFound('tag', params.tag, `Could not find project tag: ${params.tag}.`)
      setTags(ctx, row, row.tags.filter((w) => w !== params.tag))
    },
  }),
]
