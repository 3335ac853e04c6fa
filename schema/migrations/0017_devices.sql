CREATE TABLE `device_grant` (
	`id` text PRIMARY KEY NOT NULL,
	`code` text NOT NULL,
	`client` text NOT NULL,
	`state` text NOT NULL,
	`user_id` text,
	`scope` text,
	`methods` text,
	`asked_at` integer,
	`interval` integer DEFAULT 5 NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `device_grant_code` ON `device_grant` (`code`);
--> statement-breakpoint
CREATE INDEX `device_grant_expiry` ON `device_grant` (`expires_at`);
--> statement-breakpoint
CREATE INDEX `device_grant_user` ON `device_grant` (`user_id`);
