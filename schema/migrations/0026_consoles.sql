CREATE TABLE `console_token` (
	`hash` text PRIMARY KEY NOT NULL,
	`server` text NOT NULL,
	`host` text NOT NULL,
	`type` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `console_token_expires` ON `console_token` (`expires_at`);
