import type { Action } from '../../../schema/orchestration.ts'
import type { Saga } from '../../kernel/saga.ts'
import { act } from './act.ts'
import { apply } from './apply.ts'
import { ended } from './ended.ts'
import { remove } from './remove.ts'

/** What a stack does from one order to the next rest: one graph after another, in one saga whose lane is the stack. */
export interface Turn extends Record<string, unknown> {
  stack: string
  /** CREATE, UPDATE, DELETE, SUSPEND …: what was ordered. */
  action: Action
  phase: 'apply' | 'cleanup' | 'rollback' | 'rollback-cleanup' | 'delete' | 'act'
  /** The template that is applied in this phase. */
  template: string | null
  previous: string | null
  onFailure: 'rollback' | 'keep' | 'delete'
  /** Seconds a rollback gets. */
  timeout: number
  /** Why it is being rolled back, or failed. */
  why?: string
  /** Of a SNAPSHOT or RESTORE. */
  snapshot?: string
  /** Of an ADOPT: physical ids by resource name. */
  adopt?: Record<string, { id: string; data?: Record<string, unknown> }>
  /** Resources a delete leaves alone. */
  retain?: string[]
  /** A stop was asked for: without going back. */
  stay?: boolean
}

const turn: Saga<Turn> = {
  kind: 'stack.turn', steps: [], deadline: 3600,
  graph: {
    node: (r, n) => (n.kind === 'apply' ? apply(r, n) : n.kind === 'remove' ? remove(r, n) : act(r, n)),
    failing: ({ args }) => (args.phase === 'apply' && args.onFailure !== 'keep' && !args.stay ? 'cut' : 'finish'),
    ended,
  },
}
export default turn
