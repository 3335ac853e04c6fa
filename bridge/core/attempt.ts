import { Value } from 'typebox/value'
import { jobs, unknownKind, type Job, type JobKind } from '../../schema/jobs.ts'
import type { Executors, Work } from './executor.ts'
import { anywhere, logged, said, terminal } from './fault.ts'
import type { Log } from './log.ts'

export type Outcome =
  | { state: 'done'; result: Record<string, unknown> }
  | { state: 'failed'; error: string; terminal: boolean; anywhere?: true }

/** Results of `once` jobs this process did, by job id; a late second delivery is answered from here. */
const remembered = new Map<string, Record<string, unknown>>()
function remember(id: string, result: Record<string, unknown>) {
  remembered.set(id, result)
  if (remembered.size > 2000) remembered.delete(remembered.keys().next().value!)
}

/** One attempt at one job: validate, observe, act, observe. Never throws. */
export async function attempt(job: Job, executors: Executors, work: Omit<Work, 'revert'>, log: Log): Promise<Outcome> {
  const kind: JobKind | undefined = Object.hasOwn(jobs, job.kind) ? jobs[job.kind] : undefined
  const executor = executors.get(job.kind)
  if (!kind || !executor) return { state: 'failed', error: unknownKind(job.kind), terminal: true }
  if (!Value.Check(kind.args, job.args)) {
    const wrong = Value.Errors(kind.args, job.args)[0]
    return { state: 'failed', error: `invalid ${job.kind}: ${wrong?.instancePath || 'arguments'} ${wrong?.message ?? ''}`.trim(), terminal: true }
  }
  const undo: (() => Promise<void>)[] = []
  const equipped: Work = { ...work, revert: (step) => void undo.push(step) }
  try {
    work.signal.throwIfAborted()
    const before = remembered.get(job.id) ?? await executor.observe?.(equipped, job.args)
    if (before) return { state: 'done', result: before }
    const answered = await executor.act(equipped, job.args)
    const after = answered ?? await executor.observe?.(equipped, job.args)
    if (!after) throw new Error(`${job.kind} did not take effect`)
    if (executor.once) remember(job.id, after)
    return { state: 'done', result: after }
  } catch (error) {
    log('attempt failed', { error: logged(error), terminal: terminal(error) })
    for (const step of undo.reverse()) await step().catch((failure) => log('taking back failed', { error: logged(failure) }))
    return { state: 'failed', error: said(work.signal.aborted ? work.signal.reason : error), terminal: terminal(error) && !work.signal.aborted, ...(anywhere(error) && !work.signal.aborted && { anywhere: true }) }
  }
}
