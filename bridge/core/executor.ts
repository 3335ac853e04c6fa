import type { Duplex } from 'node:stream'
import type { Disks, Images, Moves, Net, Virt } from '../drivers.ts'
import type { Arrivals } from '../move/arrivals.ts'
import type { GuestData, ObjectsAnswer } from '../../schema/hosts.ts'
import type { JobArgs, JobName, JobResult, Nic } from '../../schema/jobs.ts'

/** What an executor may use: the drivers, and the few questions it may ask about its own job. */
export interface Work {
  virt: Virt
  disks: Disks
  images: Images
  net: Net
  moves: Moves
  /** Where servers of other hosts come in. */
  arrivals: Arrivals
  /** Fires when the job is not this host's any more or took too long. */
  signal: AbortSignal
  /** What a person should read; at most one a second is sent. */
  progress(text: string): void
  /** Registers how to take back what was just done; run in reverse when `act` fails, forgotten when it succeeds. */
  revert(undo: () => Promise<void>): void
  /** A short-lived URL for an image's bytes. */
  blob(image: string, method: 'GET' | 'PUT'): Promise<string>
  /** Short-lived URLs for objects of the backup this job is about: new ones to write, or those it consists of. */
  objects: { take(n: number): Promise<ObjectsAnswer>; get(wanted: { store: string; number: number }[]): Promise<string[]> }
  /** The key of the move this job is about: both its hosts are told it, nobody else. */
  passage(): Promise<Buffer>
  guest(server: string): Promise<GuestData>
  /** Shows this guest's screen or serial line to who waits in the session; resolves once they see it. */
  show(what: JobArgs<'domain.screen'>, screen: Duplex): Promise<void>
  /** Resolves when network and filters are in force, with those of these ports that are still there. */
  ready(nics: Nic[]): Promise<Nic[]>
}

/**
 * observe → already so? done. act → observe again → done. `act` may answer itself where nothing can be observed.
 * `once`: what it does cannot be seen afterwards (a reboot), so this process remembers the jobs it did.
 */
export interface Executor<K extends JobName> {
  kind: K
  once?: true
  observe?(work: Work, args: JobArgs<K>): Promise<JobResult<K> | undefined>
  act(work: Work, args: JobArgs<K>): Promise<JobResult<K> | void>
}

/** An executor whose kind is known only at run time; its arguments have been validated by then. */
export interface AnyExecutor {
  kind: JobName
  once?: true
  observe?(work: Work, args: unknown): Promise<Record<string, unknown> | undefined>
  act(work: Work, args: unknown): Promise<Record<string, unknown> | void>
}
export type Executors = ReadonlyMap<string, AnyExecutor>

export const executor = <K extends JobName>(kind: K, parts: Omit<Executor<K>, 'kind'>): AnyExecutor =>
  ({ kind, ...parts }) as AnyExecutor

export const byKind = (list: AnyExecutor[]): Executors => new Map(list.map((one) => [one.kind, one]))
