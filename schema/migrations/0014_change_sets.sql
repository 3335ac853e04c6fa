CREATE TABLE `change_set` (
	`id` text PRIMARY KEY NOT NULL,
	`stack` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`description` text,
	`status` text NOT NULL,
	`reason` text,
	`executed_at` integer,
	`generation` integer NOT NULL,
	`content` text NOT NULL,
	`parameters` text NOT NULL,
	`changes` text NOT NULL,
	`options` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `change_set_name` ON `change_set` (`stack`,`name`);
--> statement-breakpoint
CREATE INDEX `change_set_list` ON `change_set` (`stack`,`created_at`);
--> statement-breakpoint
CREATE TABLE `drift_detection` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`stack` text NOT NULL,
	`status` text NOT NULL,
	`drifted` integer NOT NULL,
	`reason` text,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `drift_detection_at` ON `drift_detection` (`at`);
--> statement-breakpoint
CREATE TABLE `resource_drift` (
	`resource` text PRIMARY KEY NOT NULL,
	`stack` text NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`differences` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `resource_drift_stack` ON `resource_drift` (`stack`,`name`);
