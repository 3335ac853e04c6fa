import { Buffer } from 'node:buffer'
import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { consumer, oauthToken, policyAssociation, policyBlob } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { regular } from '../regular.ts'
import { revokeAll } from '../revoke.ts'
import { text } from '../wire.ts'

/** Policy documents that some clients keep here; nothing reads them. */
export const policies = regular({
  noun: 'policy', plural: 'policies', table: policyBlob, fields: { type: t.String({ minLength: 1, maxLength: 255 }), blob: t.String({ maxLength: 65_535 }) }, required: ['type', 'blob'], filter: ['type'],
  rules: { get: 'identity:get_policy', list: 'identity:list_policies', create: 'identity:create_policy', update: 'identity:update_policy', delete: 'identity:delete_policy' },
  changed(ctx, verb, row) { if (verb === 'delete') ctx.stage(q.delete(policyAssociation).where(eq(policyAssociation.policy, row.id))) },
})

/** Programs that users may lend roles to, by OAuth1. With one go all tokens it was lent. */
export const consumers = regular({
  noun: 'consumer', plural: 'consumers', path: '/OS-OAUTH1/consumers', table: consumer, fields: { description: text }, filter: [],
  rules: { get: 'identity:get_consumer', list: 'identity:list_consumers', create: 'identity:create_consumer', update: 'identity:update_consumer', delete: 'identity:delete_consumer' },
  check(_, values) { if ('secret' in values.extra) throw invalid("Invalid input for field 'secret': it is made here and cannot be set.") },
  defaults: (ctx) => ({ secret: Buffer.from(ctx.world.random(32)).toString('hex'), description: null }),
  view: () => ({ secret: undefined }),
  once: (row) => ({ secret: row.secret }),
  changed(ctx, verb, row) {
    if (verb !== 'delete') return
    revokeAll(ctx, sql`select 'o:' || id as subject from oauth_token where consumer_id = ${row.id}`)
    ctx.stage(q.delete(oauthToken).where(eq(oauthToken.consumer, row.id)))
  },
})
