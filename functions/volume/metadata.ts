import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { snapshot, volume } from '../../schema/volume.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { invalid, notFound } from '../kernel/fault.ts'
import { closed, words } from './lists.ts'
import { endpoint } from './service.ts'

type Rule = Parameters<typeof endpoint>[0]['policy']
interface Owner { id: string; metadata: Record<string, string>; updatedAt: number }

/** The six ways to read and write the words kept with a volume or a snapshot. */
export function metadataOf(kind: 'volumes' | 'snapshots', rules: { read: Rule; write: Rule }, find: (ctx: Ctx, id: string, rule: string) => Promise<Owner>) {
  const path = `/${kind}/{id}/metadata`, table = kind === 'volumes' ? volume : snapshot
  const save = (ctx: Ctx, row: Owner, metadata: Record<string, string>) => {
    if (Object.keys(metadata).length > 128) throw invalid('At most 128 metadata items are kept.')
    ctx.stage(q.update(table).set({ metadata, updatedAt: ctx.now() }).where(and(eq(table.id, row.id), eq(table.updatedAt, row.updatedAt))), 'stale')
    return metadata
  }
  const has = (row: Owner, key: string) => { if (!(key in row.metadata)) throw notFound('metadata', key, `Metadata item was not found: ${key.slice(0, 255)}`) }
  const many = { '3.0': t.Object({ metadata: words }, closed) }
  return [
    endpoint({ id: `${kind}.metadata.list`, method: 'GET', path, status: 200, policy: rules.read, summary: 'Show metadata', async handle(ctx, { params }) { return { metadata: (await find(ctx, params.id, rules.read)).metadata } } }),
    endpoint({ id: `${kind}.metadata.add`, method: 'POST', path, status: 200, policy: rules.write, summary: 'Add metadata', body: many, async handle(ctx, { params, body }) { const row = await find(ctx, params.id, rules.write); return { metadata: save(ctx, row, { ...row.metadata, ...body.metadata }) } } }),
    endpoint({ id: `${kind}.metadata.replace`, method: 'PUT', path, status: 200, policy: rules.write, summary: 'Replace metadata', body: many, async handle(ctx, { params, body }) { return { metadata: save(ctx, await find(ctx, params.id, rules.write), body.metadata) } } }),
    endpoint({ id: `${kind}.metadata.show`, method: 'GET', path: `${path}/{key}`, status: 200, policy: rules.read, summary: 'Show a metadata item', async handle(ctx, { params }) { const row = await find(ctx, params.id, rules.read); has(row, params.key); return { meta: { [params.key]: row.metadata[params.key] } } } }),
    endpoint({
      id: `${kind}.metadata.update`, method: 'PUT', path: `${path}/{key}`, status: 200, policy: rules.write, summary: 'Set a metadata item', body: { '3.0': t.Object({ meta: words }, closed) },
      async handle(ctx, { params, body }) {
        if (Object.keys(body.meta).join() !== params.key) throw invalid('Request body and URI mismatch: the body has the one key that the path names.')
        const row = await find(ctx, params.id, rules.write)
        save(ctx, row, { ...row.metadata, ...body.meta })
        return { meta: body.meta }
      },
    }),
    endpoint({
      id: `${kind}.metadata.delete`, method: 'DELETE', path: `${path}/{key}`, status: 200, policy: rules.write, summary: 'Remove a metadata item',
      async handle(ctx, { params }) {
        const row = await find(ctx, params.id, rules.write)
        has(row, params.key)
        const { [params.key]: _, ...rest } = row.metadata
        save(ctx, row, rest)
      },
    }),
  ]
}
