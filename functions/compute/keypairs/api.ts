import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { keypair } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, run } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { pageLink } from '../../kernel/page.ts'
import { isoMicros } from '../../kernel/view.ts'
import { limitsOf, limitsQuery } from '../quotas/limits.ts'
import { endpoint, type Rule } from '../service.ts'
import { closed } from '../shapes.ts'
import { certificateFingerprint, fingerprintOf, generateCertificate, generateKey } from './keys.ts'
import { keypairQuery, type Keypair } from './model.ts'

onDuplicate('keypair.user, keypair.name', () => conflict('Key pair of this name already exists.'))

/** Whose keys: the caller's own, or from 2.10 on, by admins, another user's. */
function whose(ctx: Ctx, asked: string | null | undefined, rule: Rule): string {
  const user = ctx.version >= 2010 && asked ? asked : ctx.caller.user.id
  ctx.may(rule, { user })
  return user
}
const brief = (ctx: Ctx, k: Keypair) => ({ name: k.name, public_key: k.publicKey, fingerprint: k.fingerprint, ...(ctx.version >= 2002 ? { type: k.type } : {}) })

const name = t.String({ minLength: 1, maxLength: 255 }), publicKey = t.Optional(t.String())
const body = <S extends Parameters<typeof t.Object>[0]>(s: S) => t.Object({ keypair: t.Object(s, closed) }, closed)
const type = t.Optional(t.Enum(['ssh', 'x509']))

export default [
  endpoint({
    id: 'keypairs.list', method: 'GET', path: '/os-keypairs', status: 200, summary: 'List key pairs', policy: 'os_compute_api:os-keypairs:index',
    async handle(ctx, { query, url }) {
      const user = whose(ctx, query.get('user_id'), 'os_compute_api:os-keypairs:index'), paged = ctx.version >= 2035, limit = paged ? query.get('limit') : null, marker = paged ? query.get('marker') : null
      if (limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}. '${limit}' is not a non-negative integer.`)
      if (ctx.version >= 2075) for (const key of query.keys()) if (!['limit', 'marker', 'user_id'].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
      const most = limit === null ? 1000 : Math.min(1000, Number(limit))
      const [rows, [known]] = await ctx.read(q.select().from(keypair).where(and(eq(keypair.user, user), marker ? gt(keypair.name, marker) : undefined)).orderBy(asc(keypair.name)).limit(most + 1), keypairQuery(user, marker ?? ''))
      if (marker && !known) throw invalid(`marker [${marker}] not found`)
      const page = rows.slice(0, most)
      return { keypairs: page.map((k) => ({ keypair: brief(ctx, k) })), ...(paged && rows.length > most && page.length ? { keypairs_links: [{ rel: 'next', href: pageLink(ctx.origin, url, page.at(-1)!.name) }] } : {}) }
    },
  }),
  endpoint({
    id: 'keypairs.create', method: 'POST', path: '/os-keypairs', status: 200, summary: 'Import or make a key pair', policy: 'os_compute_api:os-keypairs:create',
    body: { '2.1': body({ name, public_key: publicKey }), '2.2': body({ name, public_key: publicKey, type }), '2.10': body({ name, public_key: publicKey, type, user_id: t.Optional(t.String({ maxLength: 255 })) }), '2.92': body({ name, public_key: t.String(), type, user_id: t.Optional(t.String({ maxLength: 255 })) }) },
    async handle(ctx, { body }) {
      const b = body.keypair as { name: string; public_key?: string; type?: 'ssh' | 'x509'; user_id?: string }
      if (!(ctx.version >= 2092 ? /^[\w .@-]+$/ : /^[\w .-]+$/).test(b.name) || b.name !== b.name.trim()) throw invalid(`Invalid input for field/attribute name. Value: ${b.name}. Keypair name contains unsafe characters`)
      const user = whose(ctx, b.user_id, 'os_compute_api:os-keypairs:create'), kind = b.type ?? 'ssh'
      const [[known], limits, [{ n }]] = await ctx.read(keypairQuery(user, b.name), limitsQuery(ctx.caller.project?.id ?? '', user), q.select({ n: sql<number>`count(*)` }).from(keypair).where(eq(keypair.user, user)))
      if (known) throw conflict(`Key pair '${b.name}' already exists.`)
      const max = limitsOf(limits).key_pairs
      if (max >= 0 && n >= max) throw forbidden('Quota exceeded, too many key pairs.')
      const made = b.public_key ? undefined : kind === 'ssh' ? await generateKey() : await generateCertificate(user, ctx.now() / 1000, ctx.world.random(16)), text = (b.public_key ?? made!.publicKey).trim()
      const row = { user, name: b.name, type: kind, publicKey: text, fingerprint: kind === 'ssh' ? fingerprintOf(text) : certificateFingerprint(text), createdAt: ctx.now() }
      ctx.stage(q.insert(keypair).values(row))
      if (max >= 0) ctx.stage(run(sql`insert into guard select 'quota', (select count(*) from ${keypair} where user = ${user}) <= ${max}`))
      ctx.about(b.name)
      return Response.json({ keypair: { ...brief(ctx, row as Keypair), user_id: user, ...(made ? { private_key: made.privateKey } : {}) } }, { status: ctx.version >= 2002 ? 201 : 200 })
    },
  }),
  endpoint({
    id: 'keypairs.show', method: 'GET', path: '/os-keypairs/{name}', status: 200, summary: 'Show a key pair', policy: 'os_compute_api:os-keypairs:show',
    async handle(ctx, { params, query }) {
      const user = whose(ctx, query.get('user_id'), 'os_compute_api:os-keypairs:show'), [[k]] = await ctx.read(keypairQuery(user, params.name))
      if (!k) throw notFound('keypair', params.name, `Keypair ${params.name} not found for user ${user}`)
      return { keypair: { ...brief(ctx, k), user_id: user, id: k.id, created_at: isoMicros(k.createdAt), updated_at: null, deleted: false, deleted_at: null } }
    },
  }),
  endpoint({
    id: 'keypairs.delete', method: 'DELETE', path: '/os-keypairs/{name}', status: 202, summary: 'Delete a key pair', policy: 'os_compute_api:os-keypairs:delete',
    async handle(ctx, { params, query }) {
      const user = whose(ctx, query.get('user_id'), 'os_compute_api:os-keypairs:delete'), [[k]] = await ctx.read(keypairQuery(user, params.name))
      if (!k) throw notFound('keypair', params.name, `Keypair ${params.name} not found for user ${user}`)
      ctx.stage(q.delete(keypair).where(eq(keypair.id, k.id)))
      return new Response(null, { status: ctx.version >= 2002 ? 204 : 202 })
    },
  }),
]
