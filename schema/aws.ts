import { index, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { micros } from './kernel.ts'

/** Signatures of requests that changed something, until they are too old to be taken anyway. */
export const signature = sqliteTable('aws_signature', { signature: text('signature').primaryKey(), expiresAt: micros('expires_at').notNull() }, (t) => [index('aws_signature_expiry').on(t.expiresAt)])
