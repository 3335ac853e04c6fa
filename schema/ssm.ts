import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { json, micros } from './kernel.ts'

/** Every version of every parameter; the one with the highest number is in force. */
export const ssmParameter = sqliteTable('ssm_parameter', {
  project: text('project').notNull(),
  name: text('name').notNull(),
  version: integer('version').notNull(),
  type: text('type', { enum: ['String', 'StringList', 'SecureString'] }).notNull(),
  /** Sealed when it is a SecureString. */
  value: text('value').notNull(),
  description: text('description'),
  pattern: text('allowed_pattern'),
  dataType: text('data_type').notNull().default('text'),
  tier: text('tier').notNull().default('Standard'),
  tags: json<Record<string, string>>('tags').notNull().default({}),
  user: text('user').notNull(),
  at: micros('at').notNull(),
}, (t) => [primaryKey({ columns: [t.project, t.name, t.version] }), index('ssm_parameter_name').on(t.project, t.name)])
