import type { DomainSpec } from '../../../schema/jobs.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { wiresOf } from '../../network/ports/of-servers.ts'
import { attachmentsOf } from '../../volume/volumes/use.ts'
import { mine, serverQuery, type Server } from './model.ts'
import { domainSpec, type Held, type Wired } from './spec.ts'
import { moves, permit, settled, type MoveName } from './verbs.ts'

/** A server in hand: the row and all that its host must be told to run it. */
export interface Grip { server: Server & { host: string }; ports: Wired[]; held: (Held & { attachment: string; deleteOnTermination: boolean })[]; spec: DomainSpec }

/** The queries that give a grip, to be joined with others; then the grip itself, if the caller may make the move now. */
export const gripReads = (ctx: Ctx, id: string) => [serverQuery(ctx, id), wiresOf([id]), attachmentsOf([id])] as const
export function gripOf(ctx: Ctx, id: string, move: MoveName, found: readonly unknown[]): Grip {
  const [rows, wires, attachments] = found as [Server[], (Wired & { busy?: number })[], Awaited<ReturnType<typeof attachmentsOf>>]
  const s = mine(ctx, rows, id, moves[move].rule)
  permit(ctx, s, move)
  settled(id, move, wires.some((w) => w.busy) || attachments.some(({ attachment: a, volume: v }) => a.compute && ['reserved', 'attaching', 'detaching'].includes(v.status)))
  const held = attachments.map(({ attachment: a }) => ({ volume: a.volume, device: a.device, bootIndex: a.bootIndex, attachment: a.id, deleteOnTermination: a.deleteOnTermination }))
  return { server: s as Grip['server'], ports: wires, held, spec: domainSpec(s, wires, held, ctx.requestId) }
}
export async function grip(ctx: Ctx, id: string, move: MoveName): Promise<Grip> {
  return gripOf(ctx, id, move, await ctx.read(...gripReads(ctx, id)))
}

/** The same for changes of the row and its timeline: shown as being worked on from this batch on. */
export const timeline = (ctx: Ctx, s: Server, move: string, detail?: Record<string, unknown>) => ctx.event(`compute.instance.${move}.start`, s.id, detail, s.project)
