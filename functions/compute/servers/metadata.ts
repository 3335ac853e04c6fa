import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { limitsOf, limitsQuery } from '../quotas/limits.ts'
import { endpoint, type Rule } from '../service.ts'
import { closed, metadata as schema } from '../shapes.ts'
import { change, findServer, mine, projectOf, serverQuery, tell, unlocked } from './model.ts'

const path = '/servers/{server}/metadata', one = `${path}/{key}`
const missing = () => notFound('metadata item', '', 'Metadata item was not found')

/** Replaces the metadata with what `next` makes of it; what a guest sees of it follows. */
async function rewrite(ctx: Ctx, id: string, rule: Rule, next: (old: Record<string, string>) => Record<string, string>) {
  const [rows, limits] = await ctx.read(serverQuery(ctx, id), limitsQuery(projectOf(id)))
  const s = mine(ctx, rows, id, rule), made = next(s.metadata), { metadata_items: max } = limitsOf(limits)
  unlocked(ctx, s)
  if (s.state === 'building' && !s.host) throw conflict(`Cannot change metadata of instance ${id} while it is in vm_state building`)
  if (max >= 0 && Object.keys(made).length > max) throw forbidden(`Maximum number of metadata items exceeds ${max}`)
  change(ctx, s, { metadata: made })
  tell(ctx, s)
  return made
}
const whole = t.Object({ metadata: schema }, closed)
const single = t.Object({ meta: schema }, closed)

export default [
  endpoint({
    id: 'servers.metadata.list', method: 'GET', path, status: 200, summary: "List a server's metadata", policy: 'os_compute_api:server-metadata:index',
    async handle(ctx, { params }) { return { metadata: (await findServer(ctx, params.server, 'os_compute_api:server-metadata:index')).metadata } },
  }),
  endpoint({
    id: 'servers.metadata.create', method: 'POST', path, status: 200, summary: "Add to a server's metadata", policy: 'os_compute_api:server-metadata:create', body: { '2.1': whole },
    async handle(ctx, { params, body }) { return { metadata: await rewrite(ctx, params.server, 'os_compute_api:server-metadata:create', (old) => ({ ...old, ...body.metadata })) } },
  }),
  endpoint({
    id: 'servers.metadata.replace', method: 'PUT', path, status: 200, summary: "Replace a server's metadata", policy: 'os_compute_api:server-metadata:update_all', body: { '2.1': whole },
    async handle(ctx, { params, body }) { return { metadata: await rewrite(ctx, params.server, 'os_compute_api:server-metadata:update_all', () => body.metadata as Record<string, string>) } },
  }),
  endpoint({
    id: 'servers.metadata.show', method: 'GET', path: one, status: 200, summary: "Show an item of a server's metadata", policy: 'os_compute_api:server-metadata:show',
    async handle(ctx, { params }) {
      const { metadata } = await findServer(ctx, params.server, 'os_compute_api:server-metadata:show')
      if (!Object.hasOwn(metadata, params.key)) throw missing()
      return { meta: { [params.key]: metadata[params.key] } }
    },
  }),
  endpoint({
    id: 'servers.metadata.update', method: 'PUT', path: one, status: 200, summary: "Set an item of a server's metadata", policy: 'os_compute_api:server-metadata:update', body: { '2.1': single },
    async handle(ctx, { params, body }) {
      const keys = Object.keys(body.meta)
      if (keys.length !== 1) throw invalid('Request body contains too many items')
      if (keys[0] !== params.key) throw invalid('Request body and URI mismatch')
      await rewrite(ctx, params.server, 'os_compute_api:server-metadata:update', (old) => ({ ...old, ...body.meta }))
      return { meta: body.meta }
    },
  }),
  endpoint({
    id: 'servers.metadata.delete', method: 'DELETE', path: one, status: 204, summary: "Remove an item of a server's metadata", policy: 'os_compute_api:server-metadata:delete',
    async handle(ctx, { params }) {
      await rewrite(ctx, params.server, 'os_compute_api:server-metadata:delete', (old) => {
        if (!Object.hasOwn(old, params.key)) throw missing()
        return Object.fromEntries(Object.entries(old).filter(([k]) => k !== params.key))
      })
    },
  }),
]
