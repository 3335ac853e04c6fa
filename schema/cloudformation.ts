import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { json, micros, sealed } from './kernel.ts'

/** A change of a stack that is looked at before it is made. */
export const changeSet = sqliteTable('change_set', {
  id: text('id').primaryKey(),
  stack: text('stack').notNull(),
  name: text('name').notNull(),
  kind: text('kind', { enum: ['CREATE', 'UPDATE'] }).notNull(),
  description: text('description'),
  status: text('status', { enum: ['CREATE_COMPLETE', 'FAILED'] }).notNull(),
  reason: text('reason'),
  /** When it was executed; null: not yet. */
  executedAt: micros('executed_at'),
  /** What it was made for: once the stack has moved on it is of no use. */
  generation: integer('generation').notNull(),
  /** Template, parameters and options. */
  content: sealed<Record<string, any>>('content').notNull(),
  /** Parameters as they are shown. */
  parameters: json<Record<string, string>>('parameters').notNull(),
  changes: json<unknown[]>('changes').notNull(),
  options: json<Record<string, unknown>>('options').notNull(),
  createdAt: micros('created_at').notNull(),
}, (t) => [uniqueIndex('change_set_name').on(t.stack, t.name), index('change_set_list').on(t.stack, t.createdAt)])

/** A look at whether a stack's resources are still as it made them. */
export const driftDetection = sqliteTable('drift_detection', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  stack: text('stack').notNull(),
  status: text('status', { enum: ['DRIFTED', 'IN_SYNC', 'UNKNOWN'] }).notNull(),
  drifted: integer('drifted').notNull(),
  reason: text('reason'),
  at: micros('at').notNull(),
}, (t) => [index('drift_detection_at').on(t.at)])

/** What was found of each resource last. */
export const resourceDrift = sqliteTable('resource_drift', {
  /** Of the resource's row. */
  resource: text('resource').primaryKey(),
  stack: text('stack').notNull(),
  name: text('name').notNull(),
  status: text('status', { enum: ['IN_SYNC', 'MODIFIED', 'DELETED', 'NOT_CHECKED'] }).notNull(),
  reason: text('reason'),
  differences: sealed<{ path: string; expected: string; actual: string; type: 'ADD' | 'REMOVE' | 'NOT_EQUAL' }[]>('differences').notNull(),
  at: micros('at').notNull(),
}, (t) => [index('resource_drift_stack').on(t.stack, t.name)])
