import type { Ctx } from '../../kernel/ctx.ts'
import type { Sealed } from '../../../schema/kernel.ts'
import type { Json, Value } from '../template/types.ts'
import type { Place } from './program.ts'
import type { StackRow } from './record.ts'
import { open } from './sealed.ts'

export const regionOf = (ctx: Ctx) => ctx.env.REGION ?? 'RegionOne'

/** Where a template is at home: its stack's names and, of a nested one, the resource it stands behind. */
export async function placeOf(ctx: Ctx, s: Pick<StackRow, 'id' | 'name' | 'project' | 'front' | 'ownerResource' | 'extra'>): Promise<Place> {
  const place: Place = { id: s.id, name: s.name, project: s.project, front: s.front, region: regionOf(ctx), notifications: (s.extra.notifications as string[] | undefined) ?? [] }
  const kept = s.extra.facade as Sealed<Record<string, Json>> | Record<string, Json> | undefined, facade = typeof kept === 'string' ? open(ctx, s.id, kept) : kept
  if (facade) place.facade = (what) => (facade[what] ?? null) as Value
  return place
}
