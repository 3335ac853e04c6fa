CREATE TABLE `aws_signature` (
	`signature` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `aws_signature_expiry` ON `aws_signature` (`expires_at`);
