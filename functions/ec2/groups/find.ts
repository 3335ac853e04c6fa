import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { network } from '../call.ts'
import { unknown, uuidOf } from '../ids.ts'

export const noGroup = (name: string) => awsFault('InvalidGroup.NotFound', `The security group '${name.slice(0, 255)}' does not exist`)

/** Groups by id and by name, as their UUIDs; those that are not there are named. */
export async function groupIds(ctx: Ctx, ids: string[] = [], names: string[] = []): Promise<string[]> {
  if (!ids.length && !names.length) return []
  const uuids = ids.map((i) => uuidOf('security-group', i)), { security_groups: own } = await network(ctx, '/security-groups', { project_id: ctx.project, fields: ['id', 'name'] })
  const others = uuids.filter((u) => !own.some((g: any) => g.id === u))
  const shared: any[] = others.length ? (await network(ctx, '/security-groups', { id: others, fields: ['id', 'name'] })).security_groups : []
  for (const [n, u] of uuids.entries()) if (!own.some((g: any) => g.id === u) && !shared.some((g) => g.id === u)) throw unknown('security-group', ids[n])
  const named = names.map((name) => own.find((g: any) => g.name === name)?.id as string | undefined)
  for (const [n, found] of named.entries()) if (!found) throw noGroup(names[n])
  return [...new Set([...uuids, ...named as string[]])]
}
