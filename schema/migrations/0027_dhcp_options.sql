CREATE TABLE `ec2_dhcp_options` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`options` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `ec2_dhcp_options_project` ON `ec2_dhcp_options` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `ec2_vpc_options` (
	`vpc` text PRIMARY KEY NOT NULL,
	`options` text NOT NULL,
	FOREIGN KEY (`vpc`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`options`) REFERENCES `ec2_dhcp_options`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `ec2_vpc_options_of` ON `ec2_vpc_options` (`options`);
--> statement-breakpoint
CREATE TRIGGER ec2_dhcp_options_untagged AFTER DELETE ON ec2_dhcp_options BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
