import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { flag, json, micros } from './kernel.ts'

/** A disk that outlives servers. Its bytes lie with one host, reachable from all hosts that name the same storage. */
export const volume = sqliteTable('volume', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  name: text('name'),
  description: text('description'),
  sizeGb: integer('size_gb').notNull(),
  /** Cinder's words; `reset_status` lets an operator write any of them. */
  status: text('status').notNull(),
  previousStatus: text('previous_status'),
  attachStatus: text('attach_status').notNull().default('detached'),
  migrationStatus: text('migration_status'),
  bootable: flag('bootable').notNull().default(false),
  readonly: flag('readonly').notNull().default(false),
  metadata: json<Record<string, string>>('metadata').notNull(),
  /** What it remembers of the image it was made from. */
  imageMeta: json<Record<string, string>>('image_meta'),
  zone: text('zone').notNull(),
  type: text('type'),
  host: text('host'),
  storage: text('storage'),
  snapshot: text('snapshot'),
  source: text('source'),
  image: text('image'),
  group: text('group_id'),
  groupSnapshot: text('group_snapshot'),
  launchedAt: micros('launched_at'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('volume_project').on(t.project, t.createdAt, t.id),
  index('volume_created').on(t.createdAt, t.id),
  index('volume_host').on(t.host, t.sizeGb),
  index('volume_snapshot').on(t.snapshot),
  index('volume_in_group').on(t.group).where(sql`group_id is not null`),
])

export const snapshot = sqliteTable('snapshot', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  volume: text('volume').notNull().references(() => volume.id),
  name: text('name'),
  description: text('description'),
  sizeGb: integer('size_gb').notNull(),
  status: text('status').notNull(),
  progress: text('progress').notNull().default('0%'),
  metadata: json<Record<string, string>>('metadata').notNull(),
  host: text('host').notNull(),
  storage: text('storage'),
  groupSnapshot: text('group_snapshot'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('snapshot_project').on(t.project, t.createdAt, t.id),
  index('snapshot_created').on(t.createdAt, t.id),
  index('snapshot_volume').on(t.volume),
  index('snapshot_group').on(t.groupSnapshot).where(sql`group_snapshot is not null`),
])

/** What a volume held at one moment, kept in the object store as chunks; where volume and snapshot are by now does not matter. */
export const volumeBackup = sqliteTable('volume_backup', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  volume: text('volume').notNull(),
  snapshot: text('snapshot'),
  name: text('name'),
  description: text('description'),
  sizeGb: integer('size_gb').notNull(),
  status: text('status').notNull(),
  failReason: text('fail_reason'),
  /** A word of the user's; all bytes lie in one bucket. */
  container: text('container'),
  zone: text('zone'),
  /** The backup this one holds the differences to; it must stay as long. */
  parent: text('parent'),
  metadata: json<Record<string, string>>('metadata').notNull(),
  /** What else the volume was, for one that is made of this. */
  facts: json<{ bootable: boolean; imageMeta: Record<string, string> | null; metadata: Record<string, string>; type: string | null }>('facts').notNull(),
  /** Under which name its objects lie, numbered in the order they were handed out: the backup's own id, or, once exported and imported, another's. */
  store: text('store').notNull(),
  objects: integer('objects').notNull().default(0),
  /** How many chunks of its own it has. */
  stored: integer('stored').notNull().default(0),
  /** The object that lists its chunks; there once all of them are. */
  manifest: json<{ number: number; size: number; sha256: string }>('manifest'),
  /** The volume it is being restored to. */
  target: text('target'),
  /** The moment its data is of. */
  dataAt: micros('data_at').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('volume_backup_project').on(t.project, t.createdAt, t.id),
  index('volume_backup_created').on(t.createdAt, t.id),
  index('volume_backup_volume').on(t.volume, t.dataAt),
  index('volume_backup_parent').on(t.parent).where(sql`parent is not null`),
  index('volume_backup_store').on(t.store),
  index('volume_backup_target').on(t.target).where(sql`target is not null`),
])

/** The one record of a volume at a server, for both the volume and the compute API. */
export const attachment = sqliteTable('attachment', {
  id: text('id').primaryKey(),
  volume: text('volume').notNull().references(() => volume.id),
  project: text('project').notNull(),
  server: text('server'),
  status: text('status', { enum: ['reserved', 'attaching', 'attached', 'detaching', 'error_attaching', 'error_detaching'] }).notNull(),
  device: text('device'),
  mode: text('mode', { enum: ['rw', 'ro'] }).notNull().default('rw'),
  host: text('host'),
  /** Made by the compute service for one of its servers: only it may end it, or a guest would lose a disk under its feet. */
  compute: flag('compute').notNull().default(false),
  connector: json<Record<string, unknown>>('connector'),
  deleteOnTermination: flag('delete_on_termination').notNull().default(false),
  tag: text('tag'),
  bootIndex: integer('boot_index'),
  attachedAt: micros('attached_at'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  // No multi-attach: a volume has one place at most.
  uniqueIndex('attachment_volume').on(t.volume),
  index('attachment_server').on(t.server, t.createdAt),
  index('attachment_project').on(t.project, t.createdAt, t.id),
])

export const volumeType = sqliteTable('volume_type', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  description: text('description'),
  public: flag('public').notNull().default(true),
  extraSpecs: json<Record<string, string>>('extra_specs').notNull(),
  qos: text('qos'),
  encryption: json<{ encryption_id: string; provider: string; control_location: string; cipher: string | null; key_size: number | null }>('encryption'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [uniqueIndex('volume_type_name').on(t.name)])

export const volumeTypeAccess = sqliteTable('volume_type_access', {
  type: text('type').notNull().references(() => volumeType.id, { onDelete: 'cascade' }),
  project: text('project').notNull(),
}, (t) => [primaryKey({ columns: [t.type, t.project] })])

/** The type a project's volumes get when none is named; project '' is the cloud's own default. */
export const volumeDefaultType = sqliteTable('volume_default_type', { project: text('project').primaryKey(), type: text('type').notNull() })

export const qosSpec = sqliteTable('qos_spec', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  consumer: text('consumer', { enum: ['front-end', 'back-end', 'both'] }).notNull(),
  specs: json<Record<string, string>>('specs').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [uniqueIndex('qos_spec_name').on(t.name)])

export const volumeTransfer = sqliteTable('volume_transfer', {
  id: text('id').primaryKey(),
  volume: text('volume').notNull(),
  project: text('project').notNull(),
  name: text('name'),
  salt: text('salt').notNull(),
  keyHash: text('key_hash').notNull(),
  noSnapshots: flag('no_snapshots').notNull().default(false),
  /** Of an earlier release, which kept offers that were taken. */
  destination: text('destination'),
  accepted: flag('accepted').notNull().default(false),
  createdAt: micros('created_at').notNull(),
}, (t) => [uniqueIndex('volume_transfer_volume').on(t.volume).where(sql`accepted = 0`), index('volume_transfer_project').on(t.project, t.createdAt, t.id)])

/** Why something in the background went wrong, for the user to read. */
export const volumeMessage = sqliteTable('volume_message', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  resourceType: text('resource_type').notNull(),
  resource: text('resource').notNull(),
  action: text('action').notNull(),
  detail: text('detail').notNull(),
  level: text('level').notNull().default('ERROR'),
  message: text('message').notNull(),
  requestId: text('request_id').notNull(),
  createdAt: micros('created_at').notNull(),
  expiresAt: micros('expires_at').notNull(),
}, (t) => [index('volume_message_project').on(t.project, t.createdAt, t.id), index('volume_message_resource').on(t.resource), index('volume_message_expiry').on(t.expiresAt)])

/** Limits that differ from the built-in ones: of a project, or (`class:default`) of all projects. */
export const volumeQuota = sqliteTable('volume_quota', {
  project: text('project').notNull(),
  resource: text('resource').notNull(),
  limit: integer('limit').notNull(),
}, (t) => [primaryKey({ columns: [t.project, t.resource] })])

export const groupType = sqliteTable('group_type', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  description: text('description'),
  public: flag('public').notNull().default(true),
  specs: json<Record<string, string>>('specs').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [uniqueIndex('group_type_name').on(t.name)])

export const volumeGroup = sqliteTable('volume_group', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  name: text('name'),
  description: text('description'),
  status: text('status').notNull(),
  type: text('type').notNull(),
  volumeTypes: json<string[]>('volume_types').notNull(),
  zone: text('zone').notNull(),
  groupSnapshot: text('group_snapshot'),
  source: text('source'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('volume_group_project').on(t.project, t.createdAt, t.id)])

export const groupSnapshot = sqliteTable('group_snapshot', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  user: text('user').notNull(),
  group: text('group_id').notNull(),
  type: text('type').notNull(),
  name: text('name'),
  description: text('description'),
  status: text('status').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('group_snapshot_project').on(t.project, t.createdAt, t.id), index('group_snapshot_group').on(t.group)])

/** A back end taken out of scheduling: `cinder-volume` on a host. */
export const volumeService = sqliteTable('volume_service', {
  host: text('host').notNull(),
  binary: text('binary').notNull(),
  disabledReason: text('disabled_reason'),
  frozen: flag('frozen').notNull().default(false),
  disabled: flag('disabled').notNull().default(false),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [primaryKey({ columns: [t.host, t.binary] })])
