import { integer, sqliteTable, text, index } from 'drizzle-orm/sqlite-core'
import { micros } from './kernel.ts'

/**
 * What ended before its time. A token is refused when any of its subjects (`a:AUDIT`, `u:USER`, `p:PROJECT`, `d:DOMAIN`,
 * `up:USER:PROJECT`, `c:APPLICATION CREDENTIAL`, …) is listed with a moment at or after the token's issue.
 */
export const revocation = sqliteTable('revocation', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  subject: text('subject').notNull(),
  before: micros('before').notNull(),
  /** When no token it could concern is left. */
  expiresAt: micros('expires_at').notNull(),
}, (t) => [index('revocation_expiry').on(t.expiresAt)])
