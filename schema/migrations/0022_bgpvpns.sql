CREATE TABLE `bgpvpn` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`distinguishers` text DEFAULT '[]' NOT NULL,
	`preference` integer
);
--> statement-breakpoint
CREATE INDEX `bgpvpn_project` ON `bgpvpn` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `bgpvpn_target` (
	`bgpvpn` text NOT NULL REFERENCES `bgpvpn`(`id`) ON DELETE cascade,
	`kind` text NOT NULL,
	`target` text NOT NULL,
	PRIMARY KEY(`bgpvpn`, `kind`, `target`)
);
--> statement-breakpoint
CREATE INDEX `bgpvpn_target_target` ON `bgpvpn_target` (`target`,`bgpvpn`);
--> statement-breakpoint
CREATE TABLE `bgpvpn_association` (
	`id` text PRIMARY KEY NOT NULL,
	`bgpvpn` text NOT NULL REFERENCES `bgpvpn`(`id`) ON DELETE cascade,
	`router` text REFERENCES `router`(`id`) ON DELETE cascade,
	`network` text REFERENCES `network`(`id`) ON DELETE cascade,
	`port` text REFERENCES `port`(`id`) ON DELETE cascade,
	`advertise` integer DEFAULT true NOT NULL,
	`routes` text DEFAULT '[]' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `bgpvpn_association_router` ON `bgpvpn_association` (`router`,`bgpvpn`) WHERE router is not null;
--> statement-breakpoint
CREATE UNIQUE INDEX `bgpvpn_association_port` ON `bgpvpn_association` (`port`,`bgpvpn`) WHERE port is not null;
--> statement-breakpoint
CREATE UNIQUE INDEX `bgpvpn_association_network` ON `bgpvpn_association` (`network`,`bgpvpn`) WHERE network is not null and port is null;
--> statement-breakpoint
CREATE INDEX `bgpvpn_association_around` ON `bgpvpn_association` (`network`);
--> statement-breakpoint
CREATE INDEX `bgpvpn_association_bgpvpn` ON `bgpvpn_association` (`bgpvpn`);
