import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

/** Times are microseconds since 1970 UTC everywhere in the database. */
export const micros = (name: string) => integer(name, { mode: 'number' })
export const json = <T>(name: string) => text(name, { mode: 'json' }).$type<T>()
declare const inside: unique symbol
/** JSON that only the control plane can read; with nothing in it, or from before it was sealed, as it is. */
export type Sealed<T> = string & { readonly [inside]: T }
export const sealed = <T>(name: string) => text(name).$type<Sealed<T>>()
export const flag = (name: string) => integer(name, { mode: 'boolean' })

/** `insert into guard select 'stale', changes()` after a statement aborts the batch, by trigger, when it touched no row. */
export const guard = sqliteTable('guard', { kind: text('kind').notNull(), rows: integer('rows').notNull() })

export interface Entry {
  step: string; event: 'done' | 'failed' | 'undone'; out?: unknown; why?: string; at: number
  /** Passed over: there is nothing to undo. */
  skipped?: true
  /** It would have failed on any host. */
  anywhere?: true
  /** The host has not said so: it may do it yet, or have done it. */
  doubt?: true
}
export type Failure = Omit<Entry, 'at'>

/** One long operation. Its log is the whole memory: the next move is a pure function of it. */
export const saga = sqliteTable('saga', {
  id: text('id').primaryKey(),
  kind: text('kind').notNull(),
  /** The resource it works on: at most one live saga each. */
  lane: text('lane').notNull(),
  state: text('state', { enum: ['open', 'unwinding', 'done', 'unwound', 'superseded', 'stuck'] }).notNull(),
  args: json<Record<string, unknown>>('args').notNull(),
  log: json<Entry[]>('log').notNull(),
  /** Bumped by every write; each write demands the value it has read. */
  generation: integer('generation').notNull(),
  deadline: micros('deadline').notNull(),
  requestId: text('request_id').notNull(),
  project: text('project'),
  user: text('user'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
  /** Of a saga whose steps are a graph: how many of its nodes have not ended. Null for one whose steps are a list. */
  unfinished: integer('unfinished'),
}, (t) => [
  index('saga_purge').on(t.project, t.createdAt).where(sql`kind = 'project.purge'`),
  index('saga_graph').on(t.updatedAt).where(sql`unfinished is not null and state in ('open','unwinding')`),
  uniqueIndex('saga_live_lane').on(t.lane).where(sql`state in ('open','unwinding','stuck')`),
  index('saga_live_deadline').on(t.deadline).where(sql`state in ('open','unwinding','stuck')`),
])

/**
 * A step of a saga whose steps are a graph known only at run time. In rows of their own, so that ending one costs the same
 * however many there are. `waiting` for `waits` others; `ready` to run; `parked` until its lane's saga ends or `runAt`.
 */
export const sagaNode = sqliteTable('saga_node', {
  saga: text('saga').notNull(),
  key: text('key').notNull(),
  kind: text('kind').notNull(),
  args: json<Record<string, unknown>>('args').notNull(),
  state: text('state', { enum: ['waiting', 'ready', 'parked', 'done', 'failed', 'cancelled'] }).notNull(),
  waits: integer('waits').notNull(),
  /** Keys of those that require it. */
  next: json<string[]>('next').notNull(),
  lane: text('lane'),
  runAt: micros('run_at').notNull(),
  /** Bumped by every write that is not a requirement's end; each run demands the value it has read. */
  generation: integer('generation').notNull(),
  why: text('why'),
}, (t) => [
  primaryKey({ columns: [t.saga, t.key] }),
  index('saga_node_due').on(t.saga, t.state, t.runAt),
  index('saga_node_lane').on(t.lane).where(sql`state = 'parked' and lane is not null`),
])

export const job = sqliteTable('job', {
  id: text('id').primaryKey(),
  host: text('host').notNull(),
  kind: text('kind').notNull(),
  lane: text('lane').notNull(),
  args: json<Record<string, unknown>>('args').notNull(),
  state: text('state', { enum: ['queued', 'running', 'done', 'failed', 'cancelled'] }).notNull(),
  /** The fencing token. */
  attempt: integer('attempt').notNull().default(0),
  leaseUntil: micros('lease_until'),
  runAt: micros('run_at').notNull(),
  priority: integer('priority').notNull().default(5),
  saga: text('saga'),
  step: text('step'),
  undo: flag('undo').notNull().default(false),
  progress: text('progress'),
  result: json<Record<string, unknown>>('result'),
  error: text('error'),
  requestId: text('request_id').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('job_queue').on(t.host, t.priority, t.runAt, t.id).where(sql`state = 'queued'`),
  index('job_lease').on(t.leaseUntil).where(sql`state = 'running'`),
  index('job_running').on(t.host).where(sql`state = 'running'`),
  index('job_saga').on(t.saga),
  index('job_ended').on(t.updatedAt).where(sql`state in ('done','failed','cancelled')`),
])

/** What happened, in the batch that made it happen: audit trail, notifications and each resource's timeline are one table. */
export const event = sqliteTable('event', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  at: micros('at').notNull(),
  /** An endpoint's id for what a caller asked (`compute.servers.create`), else the notification's name (`compute.instance.boot.end`). */
  action: text('action').notNull(),
  resource: text('resource'),
  project: text('project'),
  user: text('user'),
  requestId: text('request_id').notNull(),
  detail: json<Record<string, unknown>>('detail'),
}, (t) => [index('event_resource').on(t.resource, t.seq), index('event_at').on(t.at)])

/** When a sweep is due next; moving it on is the claim. */
export const sweep = sqliteTable('sweep', { name: text('name').primaryKey(), nextAt: micros('next_at').notNull() })

/** Answers kept for requests that carry a client's own token. */
export const idempotency = sqliteTable('idempotency', {
  key: text('key').primaryKey(),
  answer: json<unknown>('answer').notNull(),
  expiresAt: micros('expires_at').notNull(),
})

/** Bytes no row names any more: removed after the commit that dropped them, and again by a sweep until that has worked. */
export const discard = sqliteTable('discard', {
  key: text('key').primaryKey(),
  /** A multipart upload that may still be open on it. */
  upload: text('upload'),
  /** Not one object but as many, numbered from 0, under this key. */
  objects: integer('objects'),
  /** Kept until then although removed: an upload in flight could still write it. */
  until: micros('until').notNull(),
}, (t) => [index('discard_until').on(t.until)])
