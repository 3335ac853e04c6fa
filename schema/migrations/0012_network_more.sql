-- Metering, helpers, proxies, ranges, templates of rules, bindings to be.
CREATE TABLE `auto_topology` (
	`project` text PRIMARY KEY NOT NULL,
	`network` text NOT NULL,
	`router` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `conntrack_helper` (
	`id` text PRIMARY KEY NOT NULL,
	`router` text NOT NULL,
	`protocol` text NOT NULL,
	`port` integer NOT NULL,
	`helper` text NOT NULL,
	FOREIGN KEY (`router`) REFERENCES `router`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `conntrack_helper_same` ON `conntrack_helper` (`router`,`protocol`,`port`,`helper`);
--> statement-breakpoint
CREATE TABLE `default_group_rule` (
	`id` text PRIMARY KEY NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`direction` text NOT NULL,
	`ethertype` text NOT NULL,
	`protocol` text,
	`port_min` integer,
	`port_max` integer,
	`remote_ip` text,
	`remote_group` text,
	`remote_address_group` text,
	`before` text NOT NULL,
	`after` text NOT NULL,
	`in_default` integer DEFAULT false NOT NULL,
	`in_others` integer DEFAULT true NOT NULL
);
--> statement-breakpoint
CREATE TABLE `flavor_profile` (
	`flavor` text NOT NULL,
	`profile` text NOT NULL,
	PRIMARY KEY(`flavor`, `profile`),
	FOREIGN KEY (`flavor`) REFERENCES `network_flavor`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`profile`) REFERENCES `service_profile`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `flavor_profile_profile` ON `flavor_profile` (`profile`);
--> statement-breakpoint
CREATE TABLE `metering_count` (
	`label` text NOT NULL,
	`router` text NOT NULL,
	`packets` integer DEFAULT 0 NOT NULL,
	`bytes` integer DEFAULT 0 NOT NULL,
	`seen_packets` integer DEFAULT 0 NOT NULL,
	`seen_bytes` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`label`, `router`),
	FOREIGN KEY (`label`) REFERENCES `metering_label`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `metering_label` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`shared` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE INDEX `metering_label_project` ON `metering_label` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `metering_label_shared` ON `metering_label` (`shared`) WHERE shared = 1;
--> statement-breakpoint
CREATE TABLE `metering_rule` (
	`id` text PRIMARY KEY NOT NULL,
	`label` text NOT NULL,
	`direction` text NOT NULL,
	`remote` text,
	`source` text,
	`destination` text,
	`excluded` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`label`) REFERENCES `metering_label`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `metering_rule_label` ON `metering_rule` (`label`);
--> statement-breakpoint
CREATE TABLE `ndp_proxy` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`router` text NOT NULL,
	`port` text NOT NULL,
	`address` text NOT NULL,
	FOREIGN KEY (`router`) REFERENCES `router`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ndp_proxy_address` ON `ndp_proxy` (`router`,`address`);
--> statement-breakpoint
CREATE INDEX `ndp_proxy_port` ON `ndp_proxy` (`port`);
--> statement-breakpoint
CREATE INDEX `ndp_proxy_project` ON `ndp_proxy` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `network_flavor` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`service_type` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL
);
--> statement-breakpoint
CREATE TABLE `port_binding` (
	`port` text NOT NULL,
	`host` text NOT NULL,
	`vnic_type` text DEFAULT 'normal' NOT NULL,
	`profile` text DEFAULT '{}' NOT NULL,
	PRIMARY KEY(`port`, `host`),
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `segment_name` (
	`network` text PRIMARY KEY NOT NULL,
	`name` text,
	`description` text,
	FOREIGN KEY (`network`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `segment_range` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`shared` integer DEFAULT true NOT NULL,
	`network_type` text NOT NULL,
	`physical_network` text,
	`minimum` integer NOT NULL,
	`maximum` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `segment_range_project` ON `segment_range` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `service_profile` (
	`id` text PRIMARY KEY NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`driver` text DEFAULT '' NOT NULL,
	`metainfo` text DEFAULT '' NOT NULL,
	`enabled` integer DEFAULT true NOT NULL
);
--> statement-breakpoint
alter table router add column ndp_proxy integer not null default false;
--> statement-breakpoint
-- What new groups began with so far.
insert into default_group_rule (id, description, direction, ethertype, remote_group, before, after, in_default, in_others)
  select lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
    'Legacy default SG rule for ' || direction || ' traffic', direction, ethertype, grp, direction || '|' || ethertype || '|||||', '|', 1, grp is null
  from (select 'egress' as direction, null as grp union select 'ingress', 'PARENT'), (select 'IPv4' as ethertype union select 'IPv6');
