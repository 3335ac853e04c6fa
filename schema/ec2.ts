import { sql } from 'drizzle-orm'
import { index, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { json, micros } from './kernel.ts'
import { network, securityGroup, subnet } from './network.ts'

/** What the EC2 API knows of things beyond what their own services do. */

/** A tag, of whatever kind of thing; the database takes it away with the thing. */
export const ec2Tag = sqliteTable('ec2_tag', {
  project: text('project').notNull(),
  /** A key pair is `USER/NAME`, everything else its id. */
  resource: text('resource').notNull(),
  kind: text('kind').notNull(),
  key: text('key').notNull(),
  value: text('value').notNull(),
}, (t) => [primaryKey({ columns: [t.resource, t.project, t.key] }), index('ec2_tag_project').on(t.project, t.resource, t.key)])

/** A way out; attached, it is the external gateway of the VPC's router. */
export const ec2Gateway = sqliteTable('ec2_gateway', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  vpc: text('vpc').references(() => network.id, { onDelete: 'set null' }),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('ec2_gateway_project').on(t.project, t.id), uniqueIndex('ec2_gateway_vpc').on(t.vpc).where(sql`vpc is not null`)])

/** Routes under a name; those that lead to an address are the router's as well. A VPC's main table has its router's id. */
export const ec2RouteTable = sqliteTable('ec2_route_table', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  vpc: text('vpc').notNull().references(() => network.id, { onDelete: 'cascade' }),
  routes: json<{ destination: string; gateway?: string; port?: string; instance?: string; nexthop?: string }[]>('routes').notNull(),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('ec2_route_table_project').on(t.project, t.id), index('ec2_route_table_vpc').on(t.vpc)])

/** The table a subnet follows, when not the main one. */
export const ec2SubnetTable = sqliteTable('ec2_subnet_table', {
  subnet: text('subnet').primaryKey().references(() => subnet.id, { onDelete: 'cascade' }),
  routeTable: text('route_table').notNull().references(() => ec2RouteTable.id, { onDelete: 'cascade' }),
}, (t) => [index('ec2_subnet_table_of').on(t.routeTable)])

/** The VPC a security group was made for; elsewhere groups are the project's. */
export const ec2GroupVpc = sqliteTable('ec2_group_vpc', {
  group: text('group_id').primaryKey().references(() => securityGroup.id, { onDelete: 'cascade' }),
  vpc: text('vpc').notNull().references(() => network.id, { onDelete: 'cascade' }),
}, (t) => [index('ec2_group_vpc_of').on(t.vpc)])

/** What guests of a VPC are told by DHCP. */
export const ec2DhcpOptions = sqliteTable('ec2_dhcp_options', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  options: json<{ key: string; values: string[] }[]>('options').notNull(),
  createdAt: micros('created_at').notNull(),
}, (t) => [index('ec2_dhcp_options_project').on(t.project, t.id)])

/** The options of a VPC, when not the default ones. */
export const ec2VpcOptions = sqliteTable('ec2_vpc_options', {
  vpc: text('vpc').primaryKey().references(() => network.id, { onDelete: 'cascade' }),
  options: text('options').notNull().references(() => ec2DhcpOptions.id),
}, (t) => [index('ec2_vpc_options_of').on(t.options)])
