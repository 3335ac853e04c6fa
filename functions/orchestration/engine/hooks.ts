import { registryOf } from '../template/index.ts'
import { changeRow, line, stageRow, tell, type ResourceRow, type StackRow } from './record.ts'
import { shut } from './sealed.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Outcome } from '../../kernel/saga.ts'
import type { Program } from './program.ts'
import type { Turn } from './turn.saga.ts'

/** Breakpoints of the environment's registry: `pre-create` and `pre-update` hold a resource until a signal clears them. */
export function hookFor(a: { ctx: Ctx; s: StackRow; program: Program; args: Turn; name: string; row: ResourceRow | undefined }): Outcome | undefined {
  const { ctx, s, program, args, name, row } = a
  if (!program.environment.resourceRegistry.resources || args.phase !== 'apply') return undefined
  const wanted = !row || row.action === 'INIT' ? 'pre-create' : 'pre-update'
  // Held or let go in this turn already: `hook` names the turn's template then.
  if (row?.hook === `passed ${args.template}`) return undefined
  if (row?.hook === wanted) return { park: { seconds: 3600 } }
  if (!registryOf(program.environment).hooks(name).includes(wanted)) return undefined
  const why = `${wanted === 'pre-create' ? 'CREATE' : 'UPDATE'} paused until Hook ${wanted} is cleared`
  if (row) { changeRow(ctx, row, { hook: wanted }); tell(ctx, s, line(row, row.action, row.status, why)) }
  else {
    const def = program.template.resources.get(name)!, now = ctx.now()
    const fresh: ResourceRow = { id: ctx.uuid(), stack: s.id, name, type: def.type, physicalId: null, action: 'INIT', status: 'COMPLETE', reason: why, current: true, replaces: null, properties: shut(ctx, '', {}), metadata: {}, data: {}, attributes: {}, requires: [...program.graph.requires.get(name) ?? []], deletionPolicy: 'Delete', replacePolicy: null, template: args.template, hook: wanted, createdAt: now, updatedAt: now }
    stageRow(ctx, fresh)
    tell(ctx, s, line(fresh, 'INIT', 'COMPLETE', why))
  }
  return { park: { seconds: 3600 } }
}
