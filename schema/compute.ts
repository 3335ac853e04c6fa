import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { DiskRef } from './jobs.ts'
import { flag, json, micros } from './kernel.ts'

/** A flavor as a server was made with it: later changes to the flavor do not reach the server. */
export interface Shape {
  id: string; name: string; vcpus: number; memoryMb: number; diskGb: number; ephemeralGb: number; swapMb: number
  extraSpecs: Record<string, string>; description?: string | null
}
export interface ServerFault { code: number; message: string; created: number; requestId: string; details?: string }

export const serverStates = ['building', 'active', 'stopped', 'paused', 'suspended', 'rescued', 'resized', 'shelved', 'shelved_offloaded', 'error'] as const
export type ServerState = (typeof serverStates)[number]

export const server = sqliteTable('server', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  name: text('name').notNull(),
  hostname: text('hostname').notNull(),
  description: text('description'),
  state: text('state', { enum: serverStates }).notNull(),
  /** What is being done to it; null when nothing is. A saga is live exactly while this is set. */
  task: text('task'),
  /** As nova counts: 0 unknown, 1 running, 3 paused, 4 off, 6 crashed, 7 suspended. */
  power: integer('power').notNull().default(0),
  /** Bumped by every change: a change demands the value it has read. */
  generation: integer('generation').notNull().default(0),
  host: text('host'),
  /** A second host that holds something of it: the one it is moving to, or left and may go back to. */
  otherHost: text('other_host'),
  /** What the user asked for; the zone it is in is its host's. */
  zone: text('zone'),
  group: text('group_id'),
  image: text('image'),
  imageProperties: json<Record<string, string>>('image_properties').notNull(),
  shape: json<Shape>('shape').notNull(),
  /** The shape to go back to while a resize waits to be confirmed. */
  oldShape: json<Shape>('old_shape'),
  vcpus: integer('vcpus').notNull(),
  memoryMb: integer('memory_mb').notNull(),
  keyName: text('key_name'),
  metadata: json<Record<string, string>>('metadata').notNull(),
  tags: json<string[]>('tags').notNull(),
  trustedCerts: json<string[]>('trusted_certs'),
  hints: json<Record<string, unknown>>('hints'),
  accessIPv4: text('access_ip_v4'),
  accessIPv6: text('access_ip_v6'),
  autoDisk: flag('auto_disk').notNull(),
  configDrive: flag('config_drive').notNull(),
  lockedBy: text('locked_by', { enum: ['owner', 'admin'] }),
  lockedReason: text('locked_reason'),
  reservation: text('reservation').notNull(),
  launchIndex: integer('launch_index').notNull().default(0),
  rootDevice: text('root_device').notNull(),
  fault: json<ServerFault>('fault'),
  vncPort: integer('vnc_port'),
  launchedAt: micros('launched_at'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('server_project').on(t.project, t.createdAt, t.id),
  index('server_created').on(t.createdAt, t.id),
  index('server_name').on(t.project, t.name),
  index('server_changed').on(t.project, t.updatedAt),
  index('server_host').on(t.host),
  index('server_in_group').on(t.group).where(sql`group_id is not null`),
  /** Quota usage without touching the rows. */
  index('server_usage').on(t.project, t.vcpus, t.memoryMb),
])

/** What only the guest is told: kept apart from what lists read, and out of every event, saga and job. */
export const serverGuest = sqliteTable('server_guest', {
  server: text('server').primaryKey(),
  /** base64 */
  userData: text('user_data'),
  keys: json<{ name: string; type: 'ssh' | 'x509'; data: string }[]>('keys').notNull(),
  /** Sealed with a key derived from the master secret. */
  adminPass: text('admin_pass'),
  /** What the guest posted, encrypted by it for the user's key. */
  password: text('password'),
  etag: text('etag').notNull(),
})

/** A way to a server's screen or serial line, good once and for a few minutes; of the token only the hash is kept. */
export const consoleToken = sqliteTable('console_token', {
  hash: text('hash').primaryKey(),
  server: text('server').notNull(),
  /** Where the server was when it was asked for: once it has moved, it must be asked for again. */
  host: text('host').notNull(),
  type: text('type', { enum: ['novnc', 'serial'] }).notNull(),
  expiresAt: micros('expires_at').notNull(),
}, (t) => [index('console_token_expires').on(t.expiresAt)])

/** A server's move to another host or to another flavor: what other clouds call a migration. */
export const serverMove = sqliteTable('server_move', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  uuid: text('uuid').notNull().unique(),
  server: text('server').notNull(),
  project: text('project').notNull(),
  user: text('user'),
  kind: text('kind', { enum: ['migration', 'resize', 'live-migration', 'evacuation'] }).notNull(),
  status: text('status').notNull(),
  /** Hosts by id, and by the names they had: they may be gone by now. */
  source: text('source').notNull(),
  sourceName: text('source_name').notNull(),
  target: text('target').notNull(),
  targetName: text('target_name').notNull(),
  targetAddress: text('target_address'),
  oldFlavor: text('old_flavor').notNull(),
  newFlavor: text('new_flavor').notNull(),
  /** What of the disks goes along besides the server's own: volumes kept where it was, and their snapshots. */
  disks: json<DiskRef[]>('disks').notNull(),
  requestId: text('request_id').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('server_move_server').on(t.server, t.id)])

/** A server that is gone: for usage reports, changes-since and its own timeline. */
export const pastServer = sqliteTable('past_server', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  deletedAt: micros('deleted_at').notNull(),
  launchedAt: micros('launched_at'),
  row: json<typeof server.$inferSelect>('row').notNull(),
}, (t) => [index('past_server_project').on(t.project, t.deletedAt), index('past_server_deleted').on(t.deletedAt)])

export const flavor = sqliteTable('flavor', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  description: text('description'),
  vcpus: integer('vcpus').notNull(),
  memoryMb: integer('memory_mb').notNull(),
  diskGb: integer('disk_gb').notNull(),
  ephemeralGb: integer('ephemeral_gb').notNull().default(0),
  swapMb: integer('swap_mb').notNull().default(0),
  rxtxFactor: text('rxtx_factor').notNull().default('1.0'),
  isPublic: flag('is_public').notNull().default(true),
  disabled: flag('disabled').notNull().default(false),
  extraSpecs: json<Record<string, string>>('extra_specs').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at'),
})

export const flavorAccess = sqliteTable('flavor_access', {
  flavor: text('flavor').notNull(),
  project: text('project').notNull(),
}, (t) => [primaryKey({ columns: [t.flavor, t.project] }), index('flavor_access_project').on(t.project)])

export const keypair = sqliteTable('keypair', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  user: text('user').notNull(),
  name: text('name').notNull(),
  type: text('type', { enum: ['ssh', 'x509'] }).notNull(),
  fingerprint: text('fingerprint').notNull(),
  publicKey: text('public_key').notNull(),
  createdAt: micros('created_at').notNull(),
}, (t) => [uniqueIndex('keypair_user_name').on(t.user, t.name)])

export const serverGroup = sqliteTable('server_group', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  name: text('name').notNull(),
  policy: text('policy', { enum: ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] }).notNull(),
  maxPerHost: integer('max_per_host'),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('server_group_project').on(t.project, t.createdAt, t.id)])

export const aggregate = sqliteTable('aggregate', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  uuid: text('uuid').notNull().unique(),
  name: text('name').notNull().unique(),
  zone: text('zone'),
  metadata: json<Record<string, string>>('metadata').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at'),
})

export const aggregateHost = sqliteTable('aggregate_host', {
  aggregate: integer('aggregate').notNull(),
  host: text('host').notNull(),
}, (t) => [primaryKey({ columns: [t.aggregate, t.host] }), index('aggregate_host_host').on(t.host)])

/** Limits that differ from what the code says; `project` `:default` holds the class everyone else is in. */
export const computeQuota = sqliteTable('compute_quota', {
  project: text('project').notNull(),
  user: text('user').notNull().default(''),
  resource: text('resource').notNull(),
  limit: integer('limit').notNull(),
}, (t) => [primaryKey({ columns: [t.project, t.user, t.resource] })])
