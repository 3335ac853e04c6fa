import type { Entry, Failure, sagaNode } from '../../schema/kernel.ts'
import type { JobArgs, JobName, JobResult } from '../../schema/jobs.ts'
import type { Ctx } from './ctx.ts'
import type { Query } from './db.ts'

/** What a step sees: the unit it runs in, the saga's arguments, and what earlier steps gave. */
export interface Run<A, O = Record<string, unknown>> { ctx: Ctx; args: A; out: O; id: string; project: string | null; user: string | null; requestId: string }
type Maybe<T> = T | Promise<T>

export interface Step {
  name: string
  /** A local step: one batch, exactly once. */
  run?: (r: Run<any, any>) => Maybe<unknown>
  /** A host step: one job; content when delivered twice. */
  host?: { kind: JobName; on: (r: Run<any, any>) => Maybe<string>; args: (r: Run<any, any>) => Maybe<Record<string, unknown>> }
  undo?: (r: Run<any, any>) => Maybe<unknown>
  undoHost?: { kind: JobName; args: (r: Run<any, any>) => Maybe<Record<string, unknown>> }
  /** False: the step is passed over. */
  when?: (r: Run<any, any>) => boolean
}

export interface Saga<A = any> {
  kind: string
  steps: Step[]
  /** Seconds until it counts as failed for being late. */
  deadline: number
  /** Runs once, with the batch that records the first failure: what the user is told. */
  onFailed?: (r: Run<A, any>, why: string) => Maybe<void>
  /**
   * Asked when a host failed it, before it counts as failed: what to begin anew with elsewhere, or nothing. What the host
   * still has is not undone step by step; whoever answers has staged the orders that take it away.
   */
  onHostFailed?: (r: Run<A, any>, failure: Failure) => Maybe<A | undefined>
  /** Phantom, for inference. */
  _args?: A
  /** Its steps are a graph known only at run time, kept in rows; `steps` is empty then. See graph.ts. */
  graph?: Graph<A>
}

export type NodeRow = typeof sagaNode.$inferSelect
/** A node to be: it runs when those it requires have ended well. */
/** A kind that ends in `*` is light: it calls no verb that could meet another's, so that many may share a batch. */
export interface NewNode { key: string; kind: string; args?: Record<string, unknown>; requires: Iterable<string> }
/** What became of a node. `park`: goes on when the saga in `lane` ends, and looks again after `seconds` anyway. `again`: right after the commit. */
export type Outcome = 'done' | 'again' | { failed: string } | { park: { lane?: string; seconds?: number } }
export interface Graph<A> {
  /** Runs one node, in a unit of its own. Run twice it must find what it did; what it stages lands with its outcome, or not at all. */
  node: (r: GraphRun<A>, node: NodeRow, seen: any[]) => Promise<Outcome>
  /** What running these nodes takes to read, joined to the kernel's own read; `node` gets the answers. */
  reads: (saga: string, keys: string[]) => Query[]
  /** The first node failed, or time ran out: 'cut' takes those under way back too, 'finish' lets them end. Those not begun never begin. */
  failing: (r: GraphRun<A>, why: string) => Maybe<'cut' | 'finish'>
  /** Every node has ended. Nodes for a next phase, or nothing more: then the saga is over. `why`: it failed. */
  ended: (r: GraphRun<A>, why: string | undefined) => Promise<{ nodes: NewNode[]; deadline?: number } | undefined>
}
/** `args` may be changed in `ended`; they are kept. */
export interface GraphRun<A> { ctx: Ctx; args: A; id: string; project: string | null; user: string | null; requestId: string }

interface Named { when?: (r: Run<any, any>) => boolean }
export interface SagaBuilder<A, O extends object> extends Saga<A> {
  local<N extends string, R>(name: N, step: { run: (r: Run<A, O>) => Maybe<R>; undo?: (r: Run<A, any>) => Maybe<unknown> } & Named): SagaBuilder<A, O & Record<N, Awaited<R>>>
  host<N extends string, K extends JobName>(name: N, kind: K, step: {
    on: (r: Run<A, O>) => Maybe<string>
    args: (r: Run<A, O>) => Maybe<JobArgs<K>>
    undo?: UndoJob<A>
  } & Named): SagaBuilder<A, O & Record<N, JobResult<K>>>
  elsewhere(handler: (r: Run<A, any>, failure: Failure) => Maybe<A | undefined>): SagaBuilder<A, O>
  failed(handler: (r: Run<A, any>, why: string) => Maybe<void>): SagaBuilder<A, O>
}
type UndoJob<A> = { [K in JobName]: [K, (r: Run<A, any>) => Maybe<JobArgs<K>>] }[JobName]

/** A long operation as a list of typed steps, each with its undo beside it. */
export function saga<A>(kind: string, options: { deadline?: number } = {}): SagaBuilder<A, {}> {
  const self: SagaBuilder<A, any> = {
    kind, steps: [], deadline: options.deadline ?? 3600,
    local(name, { run, undo, when }) { self.steps.push({ name, run, undo, when }); return self },
    host(name, kind, { on, args, undo, when }) {
      self.steps.push({ name, host: { kind, on, args: args as never }, undoHost: undo && { kind: undo[0], args: undo[1] as never }, when })
      return self
    },
    elsewhere(handler) { self.onHostFailed = handler; return self },
    failed(handler) { self.onFailed = handler; return self },
  }
  return self
}

export type Move = { do: Step } | { undo: Step } | { end: 'done' | 'unwound' }

/** The next move is a pure function of the log. */
export function next(steps: Step[], log: Entry[]): Move {
  const seen = (event: Entry['event']) => new Set(log.filter((e) => e.event === event).map((e) => e.step))
  const done = seen('done'), failed = seen('failed'), undone = seen('undone')
  if (failed.size === 0) {
    const todo = steps.find((s) => !done.has(s.name))
    return todo ? { do: todo } : { end: 'done' }
  }
  // A host may have acted before it failed; a local step is one batch and has not.
  const skipped = new Set(log.filter((e) => e.skipped).map((e) => e.step))
  const touched = (s: Step) => (done.has(s.name) && !skipped.has(s.name)) || (s.undoHost !== undefined && failed.has(s.name))
  const back = steps.findLast((s) => touched(s) && !undone.has(s.name) && (s.undo ?? s.undoHost))
  return back ? { undo: back } : { end: 'unwound' }
}
