import { index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Inventory } from './hosts.ts'
import { flag, json, micros } from './kernel.ts'

/** A hypervisor. What it is and holds is what it last reported; what it should be is the operator's. */
export const host = sqliteTable('host', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  publicKey: json<{ kty: 'OKP'; crv: 'Ed25519'; x: string }>('public_key').notNull(),
  enabled: flag('enabled').notNull().default(true),
  disabledReason: text('disabled_reason'),
  forcedDown: flag('forced_down').notNull().default(false),
  /** Guests that ran when the host went down are started when it is back. */
  resumeGuests: flag('resume_guests').notNull().default(true),
  /** Its servers are being moved away. */
  draining: flag('draining').notNull().default(false),
  zone: text('zone').notNull().default('nova'),
  /** Number some old API versions know it by. */
  number: integer('number').notNull().unique(),
  /** The last change to what should be on this host; it asks for what is new when it moved. */
  revision: integer('revision').notNull().default(1),
  /** The last change that can only be told by the whole document. */
  whole: integer('whole').notNull().default(0),
  /** The revision it last said it is equal to. */
  applied: integer('applied').notNull().default(0),
  seenAt: micros('seen_at').notNull(),
  /** When it was found silent for longer than it ever should be; means something while later than `seenAt`. */
  missedAt: micros('missed_at'),
  /** Bumped by each inventory. */
  inventoryAt: micros('inventory_at'),
  hypervisor: json<Inventory['hypervisor']>('hypervisor'),
  capacity: json<Inventory['capacity']>('capacity'),
  vcpus: integer('vcpus').notNull().default(0),
  memoryMb: integer('memory_mb').notNull().default(0),
  diskGb: integer('disk_gb').notNull().default(0),
  cpuRatio: real('cpu_ratio').notNull().default(16),
  memoryRatio: real('memory_ratio').notNull().default(1.5),
  diskRatio: real('disk_ratio').notNull().default(1),
  reservedMemoryMb: integer('reserved_memory_mb').notNull().default(512),
  /** Physical networks it leads to; null: its bridge is of a release that does not say. */
  physicalNetworks: json<string[]>('physical_networks'),
  storage: text('storage'),
  simulated: flag('simulated').notNull().default(false),
  bootId: text('boot_id'),
  version: text('version'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('host_storage').on(t.storage)])

/** A one-use (or few-use) right to become a host; only its hash is kept. */
export const enrollment = sqliteTable('enrollment', {
  hash: text('hash').primaryKey(),
  uses: integer('uses').notNull(),
  expiresAt: micros('expires_at').notNull(),
  createdAt: micros('created_at').notNull(),
})

/** Image bytes a host has at hand, as it last said: of its own, since few ask. */
export const hostImages = sqliteTable('host_images', {
  host: text('host').primaryKey(),
  images: json<NonNullable<Inventory['images']>>('images').notNull(),
})

/** A domain a host shows that no row names: listed for the operator, removed only on request. */
export const orphan = sqliteTable('orphan', {
  id: text('id').primaryKey(),
  host: text('host').notNull(),
  kind: text('kind', { enum: ['domain', 'disk'] }).notNull(),
  name: text('name').notNull(),
  seenAt: micros('seen_at').notNull(),
}, (t) => [index('orphan_host').on(t.host)])
