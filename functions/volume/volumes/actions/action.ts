import { and, eq } from 'drizzle-orm'
import type { TSchema } from 'typebox'
import { Type as t } from 'typebox'
import { volume } from '../../../../schema/volume.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q } from '../../../kernel/db.ts'
import { conflict, invalid } from '../../../kernel/fault.ts'
import { closed } from '../../lists.ts'
import { endpoint } from '../../service.ts'
import type { AttachmentRow, VolumeRow } from '../model.ts'
import { findVolume, type Whole } from '../view.ts'

type Rule = Parameters<typeof endpoint>[0]['policy']

/** One member of a volume's `/action`: its key, what it carries, and what it does to the volume. */
export function action<S extends TSchema>(key: string, rule: Rule, summary: string, body: S, handle: (ctx: Ctx, found: Whole, ask: any) => unknown, options: { status?: number; since?: string } = {}) {
  return endpoint({
    id: `volumes.${key.replace(/^os-/, '').replaceAll('_', '-')}`, method: 'POST', path: '/volumes/{id}/action', key, status: options.status ?? 202, since: options.since, policy: rule, summary,
    body: { '3.0': t.Object({ [key]: body }, closed) },
    async handle(ctx, { params, body: given }) { return handle(ctx, await findVolume(ctx, params.id, rule), (given as Record<string, unknown>)[key]) },
  })
}
/** For actions that carry nothing worth reading. */
export const nothing = t.Union([t.Object({}), t.Null(), t.String()])

/** Changes the row as it was read: its state is part of the condition. */
export function change(ctx: Ctx, v: VolumeRow, set: Partial<VolumeRow>) {
  ctx.stage(q.update(volume).set({ ...set, updatedAt: ctx.now() }).where(and(eq(volume.id, v.id), eq(volume.status, v.status), eq(volume.updatedAt, v.updatedAt))), 'stale')
}
export function demandStatus(v: VolumeRow, wanted: string[], what: string) {
  if (!wanted.includes(v.status)) throw invalid(`Invalid volume: Volume ${v.id} status must be ${wanted.join(' or ')} to ${what}, but the current status is ${v.status}.`, { type: 'InvalidVolume' })
}
/** What a server holds through the compute service is given back there. */
export function notComputes(ctx: Ctx, a: AttachmentRow | null) {
  if (a?.compute && !ctx.caller.roles.includes('service')) throw conflict(`Detach volume from instance ${a.server} using the Compute API`)
}
