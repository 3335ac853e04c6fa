import type { Ctx } from '../../kernel/ctx.ts'
import { invoke } from '../../kernel/invoke.ts'
import type { Caller } from '../../kernel/policy.ts'
import { withImplied } from '../directory.ts'
import { directoryNow } from '../tokens/api.ts'
import { callerOf } from '../tokens/authenticate.ts'
import type { Scoped } from '../tokens/claims.ts'
import { ALONG } from './owned.ts'

/** In the name of who ordered it, with an admin's roles, on that one project: whoever may take a project away may take away what is in it. */
export async function remover(ctx: Ctx, by: Scoped, project: Scoped): Promise<Caller> {
  const directory = await directoryNow(ctx), admin = directory.roles.find((r) => r.name === 'admin' && r.domain === null), held = withImplied(directory, admin ? [admin.id] : [])
  return callerOf({
    user: by, project, roles: directory.roles.filter((r) => held.has(r.id)).map(({ id, name }) => ({ id, name })), methods: ['purge'], auditIds: [], issuedAt: ctx.now(), expiresAt: ctx.now() + 3_600_000_000, seq: Number.MAX_SAFE_INTEGER,
  })
}

/** What other services keep about a project because it is there: quotas, and the security group it has by itself. */
export async function removeGiven(ctx: Ctx, caller: Caller, given: { kind: string; project: string }[], groups: { id: string }[]) {
  for (const g of given) await invoke(ctx, caller, ALONG[g.kind]!(g.project))
  for (const g of groups) await invoke(ctx, caller, { service: 'network', method: 'DELETE', path: `/security-groups/${g.id}` })
}
