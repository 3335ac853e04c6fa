import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { flag, json, micros } from './kernel.ts'

/** An image. Once active its bytes, digests and formats never change; `blob` names them in the object store. */
export const image = sqliteTable('image', {
  id: text('id').primaryKey(),
  name: text('name'),
  /** The project; null for images of the cloud itself. */
  owner: text('owner'),
  status: text('status', { enum: ['queued', 'saving', 'uploading', 'importing', 'active', 'deactivated', 'killed'] }).notNull(),
  visibility: text('visibility', { enum: ['public', 'community', 'shared', 'private'] }).notNull(),
  protected: flag('protected').notNull().default(false),
  hidden: flag('hidden').notNull().default(false),
  diskFormat: text('disk_format'),
  containerFormat: text('container_format'),
  minDisk: integer('min_disk').notNull().default(0),
  minRam: integer('min_ram').notNull().default(0),
  size: integer('size'),
  virtualSize: integer('virtual_size'),
  md5: text('md5'),
  sha512: text('sha512'),
  properties: json<Record<string, string | null>>('properties').notNull(),
  /** Where the bytes lie; each attempt at an upload has a key of its own, so that a late one overwrites nothing. */
  blob: text('blob'),
  /** The attempt under way: its key, the store's multipart id, how far it is and when it last moved. */
  attempt: text('attempt'),
  attemptUpload: text('attempt_upload'),
  attemptBytes: integer('attempt_bytes').notNull().default(0),
  attemptAt: micros('attempt_at'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [
  index('image_created').on(t.createdAt, t.id),
  index('image_owner').on(t.owner, t.createdAt, t.id),
  index('image_visibility').on(t.visibility, t.createdAt, t.id),
  index('image_name').on(t.name),
  index('image_attempt').on(t.attemptAt).where(sql`attempt is not null`),
])

export const imageTag = sqliteTable('image_tag', {
  image: text('image').notNull().references(() => image.id, { onDelete: 'cascade' }),
  tag: text('tag').notNull(),
}, (t) => [primaryKey({ columns: [t.image, t.tag] }), index('image_tag_tag').on(t.tag)])

export const imageMember = sqliteTable('image_member', {
  image: text('image').notNull().references(() => image.id, { onDelete: 'cascade' }),
  member: text('member').notNull(),
  status: text('status', { enum: ['pending', 'accepted', 'rejected'] }).notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [primaryKey({ columns: [t.image, t.member] }), index('image_member_member').on(t.member, t.status)])

/** A request to import, as the tasks API shows it. */
export const imageTask = sqliteTable('image_task', {
  id: text('id').primaryKey(),
  type: text('type').notNull(),
  status: text('status', { enum: ['pending', 'processing', 'success', 'failure'] }).notNull(),
  image: text('image'),
  owner: text('owner').notNull(),
  user: text('user').notNull(),
  requestId: text('request_id').notNull(),
  input: json<Record<string, unknown>>('input').notNull(),
  result: json<Record<string, unknown>>('result'),
  message: text('message').notNull(),
  expiresAt: micros('expires_at'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [index('image_task_owner').on(t.owner, t.createdAt, t.id), index('image_task_image').on(t.image)])

/** Bytes a project may keep, when not the default. */
export const imageQuota = sqliteTable('image_quota', { project: text('project').primaryKey(), bytes: integer('bytes').notNull() })

export const metadefNamespace = sqliteTable('metadef_namespace', {
  namespace: text('namespace').primaryKey(),
  displayName: text('display_name'),
  description: text('description'),
  visibility: text('visibility', { enum: ['public', 'private'] }).notNull(),
  protected: flag('protected').notNull().default(false),
  owner: text('owner'),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
})

/** Objects, properties, tags and resource type associations of a namespace: documents with a name. */
export const metadefItem = sqliteTable('metadef_item', {
  namespace: text('namespace').notNull().references(() => metadefNamespace.namespace, { onDelete: 'cascade', onUpdate: 'cascade' }),
  kind: text('kind', { enum: ['object', 'property', 'tag', 'resource_type'] }).notNull(),
  name: text('name').notNull(),
  body: json<Record<string, unknown>>('body').notNull(),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}, (t) => [uniqueIndex('metadef_item_name').on(t.namespace, t.kind, t.name)])
