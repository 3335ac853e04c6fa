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
