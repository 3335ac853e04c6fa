import type { Ctx } from '../../kernel/ctx.ts'
import type { Outcome } from '../../kernel/saga.ts'
import { registryOf } from '../template/index.ts'
import type { Program } from './program.ts'
import { changeRow, line, stageRow, tell, type ResourceRow, type StackRow } from './record.ts'
import { shut } from './sealed.ts'
import type { Turn } from './turn.saga.ts'

/**
 * Breakpoints of the environment's registry: they hold a resource before or after it is made with its stack, changed or taken
 * away with its stack, until a signal clears them. A row notes which one of which turn holds it, or was the last to let it go.
 */
export const HOOKS = ['pre-create', 'pre-update', 'pre-delete', 'post-create', 'post-update', 'post-delete']
export interface Place { ctx: Ctx; s: StackRow; program: Program | undefined; args: Turn; turn: string; name: string }
const WAIT: Outcome = { park: { seconds: 3600 } }
const said = (hook: string) => `${hook.split('-')[1].toUpperCase()} paused until Hook ${hook} is cleared`
const asked = ({ program, name }: Place, hook: string) => Boolean(program?.environment.resourceRegistry.resources) && registryOf(program!.environment).hooks(name).includes(hook)
const holding = (row: ResourceRow | undefined, hook: string, turn: string) => row?.hook === `${hook} ${turn}`
const passed = (row: ResourceRow | undefined, hook: string, turn: string) => row?.hook === `passed ${hook} ${turn}`
export const letPast = (hook: string) => `passed ${hook}`

/** Held by this one until it is cleared. */
export function pause(p: Place, row: ResourceRow, hook: string): Outcome | undefined {
  if (holding(row, hook, p.turn)) return WAIT
  if (passed(row, hook, p.turn) || !asked(p, hook)) return undefined
  changeRow(p.ctx, row, { hook: `${hook} ${p.turn}` })
  tell(p.ctx, p.s, line(row, row.action, row.status, said(hook)))
  return WAIT
}

/** Before a resource is looked at; one that holds after its work was done is looked at no more: 'done'. */
export function before(p: Place, row: ResourceRow | undefined): Outcome | undefined {
  const { args, turn } = p, kind = args.action.toLowerCase()
  if (args.phase !== 'apply' || (args.action !== 'CREATE' && args.action !== 'UPDATE')) return undefined
  if (holding(row, `post-${kind}`, turn)) return WAIT
  if (passed(row, `post-${kind}`, turn)) return 'done'
  if (args.action === 'UPDATE') return row && row.action !== 'INIT' ? pause(p, row, 'pre-update') : undefined
  if (row) return row.action === 'INIT' ? pause(p, row, 'pre-create') : undefined
  return asked(p, 'pre-create') ? announce(p) : undefined
}
/** Once it is made or changed, by the turn that does that to its stack. */
export function after(p: Place, row: ResourceRow | undefined): Outcome | undefined {
  const { action, phase } = p.args
  return row && phase === 'apply' && (action === 'CREATE' || action === 'UPDATE') && row.action === action ? pause(p, row, `post-${action.toLowerCase()}`) : undefined
}

/** A row for what is not there yet, so that it can be seen and signalled. */
function announce({ ctx, s, program, args, turn, name }: Place): Outcome {
  const def = program!.template.resources.get(name)!, now = ctx.now(), why = said('pre-create')
  const row: ResourceRow = { id: ctx.uuid(), stack: s.id, name, type: def.type, physicalId: null, action: 'INIT', status: 'COMPLETE', reason: why, current: true, replaces: null, properties: shut(ctx, '', {}), metadata: {}, data: {}, attributes: {}, requires: [...program!.graph.requires.get(name) ?? []], deletionPolicy: 'Delete', replacePolicy: null, template: args.template, hook: `pre-create ${turn}`, createdAt: now, updatedAt: now }
  stageRow(ctx, row)
  tell(ctx, s, line(row, 'INIT', 'COMPLETE', why))
  return WAIT
}
