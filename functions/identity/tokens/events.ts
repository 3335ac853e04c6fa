import { and, gt, gte } from 'drizzle-orm'
import { revocation } from '../../../schema/identity.ts'
import { moment } from '../applications/moment.ts'
import { q } from '../../kernel/db.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { listed } from '../list.ts'
import { endpoint } from '../service.ts'

const names: Record<string, string[]> = {
  a: ['audit_id'], u: ['user_id'], p: ['project_id'], d: ['domain_id'], up: ['user_id', 'project_id'], ud: ['user_id', 'domain_scope_id'], us: ['user_id'], r: ['role_id'], t: ['OS-TRUST:trust_id'], c: ['application_credential_id'], o: ['access_token_id'],
}

/** What ended tokens before their time, for those that verify tokens on their own. */
export const events = endpoint({
  id: 'revocations.list', method: 'GET', path: '/OS-REVOKE/events', status: 200, policy: 'identity:list_services', summary: 'List what ended tokens before their time',
  async handle(ctx, { query, url }) {
    const since = moment('since', query.get('since'))
    const [rows] = await ctx.read(q.select().from(revocation).where(and(gt(revocation.expiresAt, ctx.now()), since === null ? undefined : gte(revocation.at, since))).orderBy(revocation.seq).limit(10_000))
    return listed(ctx, url, 'events', rows.map((r) => {
      const [kind, ...ids] = r.subject.split(':'), at = isoMicrosZ(r.at)
      return { ...Object.fromEntries((names[kind] ?? []).map((name, i) => [name, ids[i]])), issued_before: at, revoked_at: at }
    }))
  },
})
