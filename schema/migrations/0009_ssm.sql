CREATE TABLE `ssm_parameter` (
	`project` text NOT NULL,
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`type` text NOT NULL,
	`value` text NOT NULL,
	`description` text,
	`allowed_pattern` text,
	`data_type` text DEFAULT 'text' NOT NULL,
	`tier` text DEFAULT 'Standard' NOT NULL,
	`tags` text DEFAULT '{}' NOT NULL,
	`user` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`project`, `name`, `version`)
);
--> statement-breakpoint
CREATE INDEX `ssm_parameter_name` ON `ssm_parameter` (`project`,`name`);
