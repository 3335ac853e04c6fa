import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { credential } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { claimsOf } from '../delegation.ts'
import { base, selfLink } from '../list.ts'
import { seal, unseal } from '../seal.ts'

onDuplicate('credential.id', () => conflict('Conflict occurred attempting to store credential - Duplicate entry.'))
export type Credential = typeof credential.$inferSelect
export interface Ec2Blob { access: string; secret: string; trust_id?: string | null; app_cred_id?: string; [other: string]: unknown }

/** An EC2 credential is found by its access key, which is not stored readable. */
export const ec2Id = (access: string) => createHash('sha256').update(access).digest('hex')
export const newKey = (ctx: Ctx) => Buffer.from(ctx.world.random(16)).toString('hex')

/** What the token was lent by goes into what it makes: the key it yields is bound as the token was. */
export const chain = (ctx: Ctx) => {
  const { applicationCredential, trust } = claimsOf(ctx)
  return { trust_id: trust?.id ?? null, ...(applicationCredential && { app_cred_id: applicationCredential.id }) }
}

export async function stageCredential(ctx: Ctx, c: { id: string; user: string; project: string | null; type: string; blob: string }) {
  const row: Credential = { ...c, blob: await seal(ctx.env, ctx.world, c.id, c.blob), createdAt: ctx.now() }
  ctx.stage(q.insert(credential).values(row))
  ctx.about(row.id)
  return row
}

export const credentialView = async (ctx: Ctx, c: Credential) => ({
  id: c.id, type: c.type, user_id: c.user, project_id: c.project, blob: await unseal(ctx.env, c.id, c.blob), ...selfLink(ctx, `credentials/${c.id}`),
})

export async function ec2View(ctx: Ctx, c: Credential) {
  const blob = JSON.parse(await unseal(ctx.env, c.id, c.blob)) as Ec2Blob
  return { user_id: c.user, tenant_id: c.project, access: blob.access, secret: blob.secret, trust_id: blob.trust_id ?? null, links: { self: `${base(ctx)}/users/${c.user}/credentials/OS-EC2/${blob.access}` } }
}
