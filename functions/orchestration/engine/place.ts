import type { Ctx } from '../../kernel/ctx.ts'
import type { Json, Value } from '../template/types.ts'
import type { Place } from './program.ts'
import type { StackRow } from './record.ts'

export const regionOf = (ctx: Ctx) => ctx.env.REGION ?? 'RegionOne'

/** Where a template is at home: its stack's names and, of a nested one, the resource it stands behind. */
export async function placeOf(ctx: Ctx, s: Pick<StackRow, 'id' | 'name' | 'project' | 'front' | 'ownerResource' | 'extra'>): Promise<Place> {
  const place: Place = { id: s.id, name: s.name, project: s.project, front: s.front, region: regionOf(ctx), notifications: (s.extra.notifications as string[] | undefined) ?? [] }
  const facade = s.extra.facade as Record<string, Json> | undefined
  if (facade) place.facade = (what) => (facade[what] ?? null) as Value
  return place
}
