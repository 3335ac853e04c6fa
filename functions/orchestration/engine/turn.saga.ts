import { sql } from 'drizzle-orm'
import type { Sealed } from '../../../schema/kernel.ts'
import { stack, stackResource, type Action } from '../../../schema/orchestration.ts'
import { q, type Query } from '../../kernel/db.ts'
import type { Saga } from '../../kernel/saga.ts'
import { act } from './act.ts'
import { apply } from './apply.ts'
import { ended } from './ended.ts'
import type { StackRow, StoredResource } from './record.ts'
import { remove } from './remove.ts'

/** What a stack does from one order to the next rest: one graph after another, in one saga whose lane is the stack. */
export type Adopted = Record<string, { id: string; data?: Record<string, unknown> }>
export interface Turn extends Record<string, unknown> {
  stack: string
  /** CREATE, UPDATE, DELETE, SUSPEND …: what was ordered. */
  action: Action
  phase: 'apply' | 'cleanup' | 'rollback' | 'rollback-cleanup' | 'delete' | 'act'
  /** The template that is applied in this phase. */
  template: string | null
  previous: string | null
  /** Before this update there was nothing: the creation had been rolled back. */
  empty?: boolean
  onFailure: 'rollback' | 'keep' | 'delete'
  /** Seconds a rollback gets. */
  timeout: number
  /** Why it is being rolled back, or failed. */
  why?: string
  /** Of a SNAPSHOT or RESTORE. */
  snapshot?: string
  /** Of an ADOPT: physical ids by resource name. */
  adopt?: Sealed<Adopted>
  /** Resources a delete leaves alone. */
  retain?: string[]
  /** A stop was asked for: without going back. */
  stay?: boolean
}

/** The stack, and of its resources those a node is about and those it needs: all in the kernel's own read. */
function seeing(saga: string, keys: string[]): Query[] {
  const lane = sql`(select lane from saga where id = ${saga})`, mine = sql`saga_node where saga = ${saga} and key in (select value from json_each(${JSON.stringify(keys)}))`
  return [
    q.select().from(stack).where(sql`${stack.id} = ${lane}`),
    q.select().from(stackResource).where(sql`${stackResource.stack} = ${lane} and ${stackResource.name} in (select args ->> '$.name' from ${mine} union select needs.value from (select args from ${mine}) n, json_each(n.args, '$.needs') needs)`),
  ]
}
export type Seeing = [stacks: StackRow[], rows: StoredResource[]]

const turn: Saga<Turn> = {
  kind: 'stack.turn', steps: [], deadline: 3600,
  graph: {
    reads: seeing,
    node: (r, n, seen) => (n.kind.startsWith('apply') ? apply(r, n, seen) : n.kind.startsWith('remove') ? remove(r, n, seen) : act(r, n, seen)),
    failing: ({ args }) => (args.phase === 'apply' && args.onFailure !== 'keep' && !args.stay ? 'cut' : 'finish'),
    ended,
  },
}
export default turn
