import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { flag, json, micros, sealed, type Sealed } from './kernel.ts'

type Extra = Record<string, unknown>
export const ACTIONS = ['INIT', 'CREATE', 'UPDATE', 'DELETE', 'ROLLBACK', 'SUSPEND', 'RESUME', 'CHECK', 'SNAPSHOT', 'RESTORE', 'ADOPT', 'REVIEW'] as const
export type Action = (typeof ACTIONS)[number]
export const STATUSES = ['IN_PROGRESS', 'COMPLETE', 'FAILED'] as const
export type Status = (typeof STATUSES)[number]

/** One row per stack, nested ones too; kept a while after its end, so that clients who wait for that see it. */
export const stack = sqliteTable('stack', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  userName: text('user_name').notNull(),
  /** Which API it was made with: `heat` or `aws`. */
  front: text('front', { enum: ['heat', 'aws'] }).notNull(),
  /** The stack and the resource (its row) it is nested in, and the outermost one. */
  owner: text('owner'),
  ownerResource: text('owner_resource'),
  root: text('root').notNull(),
  depth: integer('depth').notNull().default(0),
  /** What is in force, and what a rollback goes back to. Null: nothing yet (a change set under review). */
  template: text('template'),
  previous: text('previous'),
  action: text('action', { enum: ACTIONS }).notNull(),
  status: text('status', { enum: STATUSES }).notNull(),
  reason: text('reason').notNull(),
  /** What a rollback rolls back; whether old resources are being cleaned up. */
  origin: text('origin', { enum: ['CREATE', 'UPDATE'] }),
  cleaning: flag('cleaning').notNull().default(false),
  description: text('description').notNull().default(''),
  /** As shown: hidden ones are asterisks. */
  parameters: sealed<Record<string, string>>('parameters').notNull(),
  /** Values are sealed: whatever a resource made may be among them. */
  outputs: json<Output<Sealed<unknown>>[]>('outputs').notNull().default([]),
  tags: json<string[]>('tags').notNull().default([]),
  /** What to do when it fails. */
  onFailure: text('on_failure', { enum: ['rollback', 'keep', 'delete'] }).notNull(),
  /** Minutes. */
  timeout: integer('timeout'),
  protected: flag('protected').notNull().default(false),
  policy: json<unknown>('stack_policy'),
  /** What the work is authorised by; see identity/standin.ts. Never a token. */
  delegation: json<unknown>('delegation').notNull(),
  /** The client's own token of the last change it asked for, by action. */
  token: text('token'),
  /** What only its front knows: capabilities, tags with values, notification addresses. */
  extra: json<Extra>('extra').notNull().default({}),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at'),
  deletedAt: micros('deleted_at'),
  generation: integer('generation').notNull().default(0),
}, (t) => [
  uniqueIndex('stack_name').on(t.project, t.name).where(sql`deleted_at is null`),
  index('stack_list').on(t.project, t.createdAt, t.id), index('stack_owner').on(t.owner), index('stack_all').on(t.createdAt, t.id), index('stack_gone').on(t.deletedAt).where(sql`deleted_at is not null`),
])
export interface Output<V = unknown> { key: string; description: string; value?: V; error?: string; export?: string }

/** A template with all it was given; never changed. Sealed: a nested one holds what the one above resolved. */
export const stackTemplate = sqliteTable('stack_template', {
  id: text('id').primaryKey(),
  stack: text('stack').notNull(),
  body: sealed<string>('body').notNull(),
  files: sealed<Record<string, string>>('files').notNull(),
  environment: sealed<Extra>('environment').notNull(),
  /** Parameters. */
  given: sealed<Record<string, any>>('given').notNull(),
  /** Names of the exports it asks for. */
  imports: json<string[] | null>('imports'),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('stack_template_stack').on(t.stack)])

export const stackResource = sqliteTable('stack_resource', {
  id: text('id').primaryKey(),
  stack: text('stack').notNull(),
  name: text('name').notNull(),
  type: text('type').notNull(),
  physicalId: text('physical_id'),
  action: text('action', { enum: ACTIONS }).notNull(),
  status: text('status', { enum: STATUSES }).notNull(),
  reason: text('reason').notNull().default(''),
  /** Of several rows of one name the one in force; the others go in the clean-up. */
  current: flag('current').notNull().default(true),
  /** The row this one takes the place of, should a rollback want it back. */
  replaces: text('replaces'),
  /** Resolved, as they were given to the resource last. */
  properties: sealed<Record<string, any>>('properties').notNull(),
  metadata: sealed<Extra>('metadata').notNull(),
  /** What its type keeps about it. */
  data: sealed<Extra>('data').notNull(),
  /** Values others refer to, as they were when it was last made or changed. */
  attributes: sealed<Extra>('attributes').notNull(),
  requires: json<string[]>('requires').notNull().default([]),
  deletionPolicy: text('deletion_policy').notNull().default('Delete'),
  replacePolicy: text('replace_policy'),
  /** The template it was made or changed by last. */
  template: text('template'),
  /** A hook that holds it: `pre-create`. */
  hook: text('hook'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  uniqueIndex('stack_resource_current').on(t.stack, t.name).where(sql`current = 1`), index('stack_resource_stack').on(t.stack, t.name),
  index('stack_resource_physical').on(t.physicalId),
])

/** One line per change of state, of resources and of the stack itself (then `name` is the stack's). */
export const stackEvent = sqliteTable('stack_event', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  id: text('id').notNull(),
  stack: text('stack').notNull(),
  name: text('name').notNull(),
  physicalId: text('physical_id'),
  action: text('action').notNull(),
  status: text('status').notNull(),
  reason: text('reason').notNull().default(''),
  type: text('type').notNull(),
  token: text('token'),
  at: micros('at').notNull(),
}, (t) => [index('stack_event_stack').on(t.stack, t.seq), uniqueIndex('stack_event_id').on(t.id)])

export const stackSnapshot = sqliteTable('stack_snapshot', {
  id: text('id').primaryKey(),
  stack: text('stack').notNull(),
  name: text('name').notNull(),
  status: text('status', { enum: STATUSES }).notNull(),
  reason: text('reason').notNull(),
  template: text('template').notNull(),
  /** By resource name: what its type needs to go back. */
  data: json<Record<string, Extra>>('data').notNull().default({}),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('stack_snapshot_stack').on(t.stack)])

export const softwareConfig = sqliteTable('software_config', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  name: text('name').notNull(),
  group: text('config_group').notNull(),
  /** Text as a rule. */
  config: sealed<unknown>('config').notNull(),
  inputs: sealed<Extra[]>('inputs').notNull(),
  outputs: json<Extra[]>('outputs').notNull(),
  options: json<Extra>('options').notNull(),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('software_config_list').on(t.project, t.createdAt, t.id)])

export const softwareDeployment = sqliteTable('software_deployment', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  server: text('server').notNull(),
  config: text('config').notNull(),
  action: text('action').notNull(),
  status: text('status').notNull(),
  reason: text('reason'),
  inputs: sealed<Extra>('input_values').notNull(),
  outputs: sealed<Extra | null>('output_values'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at'),
}, (t) => [index('software_deployment_list').on(t.project, t.createdAt, t.id), index('software_deployment_server').on(t.server, t.createdAt), index('software_deployment_config').on(t.config)])
