CREATE TABLE `event` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`action` text NOT NULL,
	`resource` text,
	`project` text,
	`user` text,
	`request_id` text NOT NULL,
	`detail` text
);
--> statement-breakpoint
CREATE INDEX `event_resource` ON `event` (`resource`,`seq`);
--> statement-breakpoint
CREATE INDEX `event_at` ON `event` (`at`);
--> statement-breakpoint
CREATE TABLE `guard` (
	`kind` text NOT NULL,
	`rows` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `idempotency` (
	`key` text PRIMARY KEY NOT NULL,
	`answer` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `job` (
	`id` text PRIMARY KEY NOT NULL,
	`host` text NOT NULL,
	`kind` text NOT NULL,
	`lane` text NOT NULL,
	`args` text NOT NULL,
	`state` text NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`lease_until` integer,
	`run_at` integer NOT NULL,
	`priority` integer DEFAULT 5 NOT NULL,
	`saga` text,
	`step` text,
	`undo` integer DEFAULT false NOT NULL,
	`progress` text,
	`result` text,
	`error` text,
	`request_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `job_queue` ON `job` (`host`,`priority`,`run_at`,`id`) WHERE state = 'queued';
--> statement-breakpoint
CREATE INDEX `job_lease` ON `job` (`lease_until`) WHERE state = 'running';
--> statement-breakpoint
CREATE INDEX `job_saga` ON `job` (`saga`);
--> statement-breakpoint
CREATE INDEX `job_ended` ON `job` (`updated_at`) WHERE state in ('done','failed','cancelled');
--> statement-breakpoint
CREATE TABLE `saga` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`lane` text NOT NULL,
	`state` text NOT NULL,
	`args` text NOT NULL,
	`log` text NOT NULL,
	`generation` integer NOT NULL,
	`deadline` integer NOT NULL,
	`request_id` text NOT NULL,
	`project` text,
	`user` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `saga_live_lane` ON `saga` (`lane`) WHERE state in ('open','unwinding','stuck');
--> statement-breakpoint
CREATE INDEX `saga_live_deadline` ON `saga` (`deadline`) WHERE state in ('open','unwinding','stuck');
--> statement-breakpoint
CREATE TABLE `sweep` (
	`name` text PRIMARY KEY NOT NULL,
	`next_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `enrollment` (
	`hash` text PRIMARY KEY NOT NULL,
	`uses` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `host` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`public_key` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`disabled_reason` text,
	`forced_down` integer DEFAULT false NOT NULL,
	`zone` text DEFAULT 'nova' NOT NULL,
	`number` integer NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	`seen_at` integer NOT NULL,
	`inventory_at` integer,
	`hypervisor` text,
	`capacity` text,
	`vcpus` integer DEFAULT 0 NOT NULL,
	`memory_mb` integer DEFAULT 0 NOT NULL,
	`disk_gb` integer DEFAULT 0 NOT NULL,
	`cpu_ratio` real DEFAULT 16 NOT NULL,
	`memory_ratio` real DEFAULT 1.5 NOT NULL,
	`disk_ratio` real DEFAULT 1 NOT NULL,
	`reserved_memory_mb` integer DEFAULT 512 NOT NULL,
	`storage` text,
	`simulated` integer DEFAULT false NOT NULL,
	`boot_id` text,
	`version` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_name_unique` ON `host` (`name`);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_number_unique` ON `host` (`number`);
--> statement-breakpoint
CREATE INDEX `host_storage` ON `host` (`storage`);
--> statement-breakpoint
CREATE TABLE `orphan` (
	`id` text PRIMARY KEY NOT NULL,
	`host` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `orphan_host` ON `orphan` (`host`);
--> statement-breakpoint
CREATE TABLE `revocation` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`subject` text NOT NULL,
	`before` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `revocation_expiry` ON `revocation` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `discard` (
	`key` text PRIMARY KEY NOT NULL,
	`upload` text,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `discard_until` ON `discard` (`until`);
--> statement-breakpoint
CREATE TABLE `image` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text,
	`owner` text,
	`status` text NOT NULL,
	`visibility` text NOT NULL,
	`protected` integer DEFAULT false NOT NULL,
	`hidden` integer DEFAULT false NOT NULL,
	`disk_format` text,
	`container_format` text,
	`min_disk` integer DEFAULT 0 NOT NULL,
	`min_ram` integer DEFAULT 0 NOT NULL,
	`size` integer,
	`virtual_size` integer,
	`md5` text,
	`sha512` text,
	`properties` text NOT NULL,
	`blob` text,
	`attempt` text,
	`attempt_upload` text,
	`attempt_bytes` integer DEFAULT 0 NOT NULL,
	`attempt_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `image_created` ON `image` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_owner` ON `image` (`owner`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_visibility` ON `image` (`visibility`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_name` ON `image` (`name`);
--> statement-breakpoint
CREATE INDEX `image_attempt` ON `image` (`attempt_at`) WHERE attempt is not null;
--> statement-breakpoint
CREATE TABLE `image_member` (
	`image` text NOT NULL,
	`member` text NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`image`, `member`),
	FOREIGN KEY (`image`) REFERENCES `image`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_member_member` ON `image_member` (`member`,`status`);
--> statement-breakpoint
CREATE TABLE `image_quota` (
	`project` text PRIMARY KEY NOT NULL,
	`bytes` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `image_tag` (
	`image` text NOT NULL,
	`tag` text NOT NULL,
	PRIMARY KEY(`image`, `tag`),
	FOREIGN KEY (`image`) REFERENCES `image`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_tag_tag` ON `image_tag` (`tag`);
--> statement-breakpoint
CREATE TABLE `image_task` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`image` text,
	`owner` text NOT NULL,
	`user` text NOT NULL,
	`request_id` text NOT NULL,
	`input` text NOT NULL,
	`result` text,
	`message` text NOT NULL,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `image_task_owner` ON `image_task` (`owner`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_task_image` ON `image_task` (`image`);
--> statement-breakpoint
CREATE TABLE `metadef_item` (
	`namespace` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`body` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`namespace`) REFERENCES `metadef_namespace`(`namespace`) ON UPDATE cascade ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_item_name` ON `metadef_item` (`namespace`,`kind`,`name`);
--> statement-breakpoint
CREATE TABLE `metadef_namespace` (
	`namespace` text PRIMARY KEY NOT NULL,
	`display_name` text,
	`description` text,
	`visibility` text NOT NULL,
	`protected` integer DEFAULT false NOT NULL,
	`owner` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `attachment` (
	`id` text PRIMARY KEY NOT NULL,
	`volume` text NOT NULL,
	`project` text NOT NULL,
	`server` text,
	`status` text NOT NULL,
	`device` text,
	`mode` text DEFAULT 'rw' NOT NULL,
	`host` text,
	`connector` text,
	`delete_on_termination` integer DEFAULT false NOT NULL,
	`tag` text,
	`boot_index` integer,
	`attached_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`volume`) REFERENCES `volume`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `attachment_volume` ON `attachment` (`volume`);
--> statement-breakpoint
CREATE INDEX `attachment_server` ON `attachment` (`server`,`created_at`);
--> statement-breakpoint
CREATE INDEX `attachment_project` ON `attachment` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `group_snapshot` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`group_id` text NOT NULL,
	`type` text NOT NULL,
	`name` text,
	`description` text,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `group_snapshot_project` ON `group_snapshot` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `group_snapshot_group` ON `group_snapshot` (`group_id`);
--> statement-breakpoint
CREATE TABLE `group_type` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`public` integer DEFAULT true NOT NULL,
	`specs` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_type_name` ON `group_type` (`name`);
--> statement-breakpoint
CREATE TABLE `qos_spec` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`consumer` text NOT NULL,
	`specs` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `qos_spec_name` ON `qos_spec` (`name`);
--> statement-breakpoint
CREATE TABLE `snapshot` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`volume` text NOT NULL,
	`name` text,
	`description` text,
	`size_gb` integer NOT NULL,
	`status` text NOT NULL,
	`progress` text DEFAULT '0%' NOT NULL,
	`metadata` text NOT NULL,
	`host` text NOT NULL,
	`storage` text,
	`group_snapshot` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`volume`) REFERENCES `volume`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `snapshot_project` ON `snapshot` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `snapshot_created` ON `snapshot` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `snapshot_volume` ON `snapshot` (`volume`);
--> statement-breakpoint
CREATE INDEX `snapshot_group` ON `snapshot` (`group_snapshot`) WHERE group_snapshot is not null;
--> statement-breakpoint
CREATE TABLE `volume` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text,
	`description` text,
	`size_gb` integer NOT NULL,
	`status` text NOT NULL,
	`previous_status` text,
	`attach_status` text DEFAULT 'detached' NOT NULL,
	`migration_status` text,
	`bootable` integer DEFAULT false NOT NULL,
	`readonly` integer DEFAULT false NOT NULL,
	`metadata` text NOT NULL,
	`image_meta` text,
	`zone` text NOT NULL,
	`type` text,
	`host` text,
	`storage` text,
	`snapshot` text,
	`source` text,
	`image` text,
	`group_id` text,
	`group_snapshot` text,
	`launched_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_project` ON `volume` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_created` ON `volume` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_host` ON `volume` (`host`,`size_gb`);
--> statement-breakpoint
CREATE INDEX `volume_snapshot` ON `volume` (`snapshot`);
--> statement-breakpoint
CREATE INDEX `volume_group` ON `volume` (`group_id`) WHERE group_id is not null;
--> statement-breakpoint
CREATE TABLE `volume_default_type` (
	`project` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `volume_group` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text,
	`description` text,
	`status` text NOT NULL,
	`type` text NOT NULL,
	`volume_types` text NOT NULL,
	`zone` text NOT NULL,
	`group_snapshot` text,
	`source` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_group_project` ON `volume_group` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `volume_message` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`resource_type` text NOT NULL,
	`resource` text NOT NULL,
	`action` text NOT NULL,
	`detail` text NOT NULL,
	`level` text DEFAULT 'ERROR' NOT NULL,
	`message` text NOT NULL,
	`request_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_message_project` ON `volume_message` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_message_resource` ON `volume_message` (`resource`);
--> statement-breakpoint
CREATE INDEX `volume_message_expiry` ON `volume_message` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `volume_quota` (
	`project` text NOT NULL,
	`resource` text NOT NULL,
	`limit` integer NOT NULL,
	PRIMARY KEY(`project`, `resource`)
);
--> statement-breakpoint
CREATE TABLE `volume_service` (
	`host` text NOT NULL,
	`binary` text NOT NULL,
	`disabled_reason` text,
	`frozen` integer DEFAULT false NOT NULL,
	`disabled` integer DEFAULT false NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`host`, `binary`)
);
--> statement-breakpoint
CREATE TABLE `volume_transfer` (
	`id` text PRIMARY KEY NOT NULL,
	`volume` text NOT NULL,
	`project` text NOT NULL,
	`name` text,
	`salt` text NOT NULL,
	`key_hash` text NOT NULL,
	`no_snapshots` integer DEFAULT false NOT NULL,
	`destination` text,
	`accepted` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_transfer_volume` ON `volume_transfer` (`volume`) WHERE accepted = 0;
--> statement-breakpoint
CREATE INDEX `volume_transfer_project` ON `volume_transfer` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `volume_type` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`public` integer DEFAULT true NOT NULL,
	`extra_specs` text NOT NULL,
	`qos` text,
	`encryption` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_type_name` ON `volume_type` (`name`);
--> statement-breakpoint
CREATE TABLE `volume_type_access` (
	`type` text NOT NULL,
	`project` text NOT NULL,
	PRIMARY KEY(`type`, `project`),
	FOREIGN KEY (`type`) REFERENCES `volume_type`(`id`) ON UPDATE no action ON DELETE cascade
);
