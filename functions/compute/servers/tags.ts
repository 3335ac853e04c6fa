import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { check } from '../../kernel/body.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { endpoint, type Rule } from '../service.ts'
import { closed, tag } from '../shapes.ts'
import { change, findServer } from './model.ts'

const path = '/servers/{server}/tags', one = `${path}/{tag}`, since = '2.26', MOST = 50

async function rewrite(ctx: Ctx, id: string, rule: Rule, next: (old: string[]) => string[]) {
  const s = await findServer(ctx, id, rule), made = next(s.tags)
  if (made.length > MOST) throw invalid(`The number of tags exceeded the per-server limit ${MOST}`)
  change(ctx, s, { tags: made })
  return made
}
const missing = (id: string, name: string) => notFound('tag', name, `Server ${id} has no tag '${name}'`)

export default [
  endpoint({
    id: 'servers.tags.list', method: 'GET', path, since, status: 200, summary: "List a server's tags", policy: 'os_compute_api:os-server-tags:index',
    async handle(ctx, { params }) { return { tags: (await findServer(ctx, params.server, 'os_compute_api:os-server-tags:index')).tags } },
  }),
  endpoint({
    id: 'servers.tags.replace', method: 'PUT', path, since, status: 200, summary: "Replace a server's tags", policy: 'os_compute_api:os-server-tags:update_all', body: { '2.26': t.Object({ tags: t.Array(tag, { maxItems: MOST }) }, closed) },
    async handle(ctx, { params, body }) { return { tags: await rewrite(ctx, params.server, 'os_compute_api:os-server-tags:update_all', () => [...new Set(body.tags)]) } },
  }),
  endpoint({
    id: 'servers.tags.clear', method: 'DELETE', path, since, status: 204, summary: "Remove a server's tags", policy: 'os_compute_api:os-server-tags:delete_all',
    async handle(ctx, { params }) { await rewrite(ctx, params.server, 'os_compute_api:os-server-tags:delete_all', () => []) },
  }),
  endpoint({
    id: 'servers.tags.show', method: 'GET', path: one, since, status: 204, summary: 'Whether a server has a tag', policy: 'os_compute_api:os-server-tags:show',
    async handle(ctx, { params }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-server-tags:show')
      if (!s.tags.includes(params.tag)) throw missing(s.id, params.tag)
    },
  }),
  endpoint({
    id: 'servers.tags.add', method: 'PUT', path: one, since, status: 201, summary: 'Add a tag to a server', policy: 'os_compute_api:os-server-tags:update',
    async handle(ctx, { params }) {
      check(tag, params.tag)
      let had = false
      await rewrite(ctx, params.server, 'os_compute_api:os-server-tags:update', (old) => { had = old.includes(params.tag); return had ? old : [...old, params.tag] })
      const location = `${ctx.origin}/compute/v2.1/servers/${params.server}/tags/${encodeURIComponent(params.tag)}`
      if (had) return new Response(null, { status: 204, headers: { location } })
      ctx.headers.set('location', location)
    },
  }),
  endpoint({
    id: 'servers.tags.remove', method: 'DELETE', path: one, since, status: 204, summary: 'Remove a tag from a server', policy: 'os_compute_api:os-server-tags:delete',
    async handle(ctx, { params }) {
      await rewrite(ctx, params.server, 'os_compute_api:os-server-tags:delete', (old) => {
        if (!old.includes(params.tag)) throw missing(params.server, params.tag)
        return old.filter((x) => x !== params.tag)
      })
    },
  }),
]
