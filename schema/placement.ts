import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { micros } from './kernel.ts'

/**
 * Who holds how much of what. What each provider has in use (`provider_usage`) is kept by triggers on this table, and
 * every host's provider and inventory by triggers on the host's row (see migrations): they cannot differ.
 */
export const allocation = sqliteTable('allocation', {
  consumer: text('consumer').notNull(),
  provider: text('provider').notNull(),
  class: text('class').notNull(),
  used: integer('used').notNull(),
}, (t) => [primaryKey({ columns: [t.consumer, t.provider, t.class] }), index('allocation_provider').on(t.provider)])

export const providerUsage = sqliteTable('provider_usage', {
  provider: text('provider').notNull(),
  class: text('class').notNull(),
  used: integer('used').notNull(),
}, (t) => [primaryKey({ columns: [t.provider, t.class] })])

export const placementConsumer = sqliteTable('placement_consumer', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  type: text('type'),
  generation: integer('generation').notNull().default(1),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('placement_consumer_project').on(t.project, t.user)])

/** A host, by its id, or what an operator made one. */
export const provider = sqliteTable('provider', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  parent: text('parent'),
  root: text('root').notNull(),
  generation: integer('generation').notNull().default(0),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('provider_root').on(t.root)])

export const inventory = sqliteTable('inventory', {
  provider: text('provider').notNull(),
  class: text('class').notNull(),
  total: integer('total').notNull(),
  reserved: integer('reserved').notNull().default(0),
  minUnit: integer('min_unit').notNull().default(1),
  maxUnit: integer('max_unit').notNull(),
  stepSize: integer('step_size').notNull().default(1),
  ratio: real('ratio').notNull().default(1),
}, (t) => [primaryKey({ columns: [t.provider, t.class] }), index('inventory_class').on(t.class)])

export const providerTrait = sqliteTable('provider_trait', {
  provider: text('provider').notNull(),
  trait: text('trait').notNull(),
}, (t) => [primaryKey({ columns: [t.provider, t.trait] }), index('provider_trait_trait').on(t.trait)])

export const providerAggregate = sqliteTable('provider_aggregate', {
  provider: text('provider').notNull(),
  aggregate: text('aggregate').notNull(),
}, (t) => [primaryKey({ columns: [t.provider, t.aggregate] }), index('provider_aggregate_aggregate').on(t.aggregate)])

/** Names beyond the standard ones. */
export const customTrait = sqliteTable('custom_trait', { name: text('name').primaryKey(), createdAt: micros('created_at').notNull() })
export const customClass = sqliteTable('custom_class', { name: text('name').primaryKey(), createdAt: micros('created_at').notNull() })
