-- What the EC2 API knows of things beyond what their own services do.
CREATE TABLE `ec2_tag` (
	`project` text NOT NULL,
	`resource` text NOT NULL,
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	PRIMARY KEY(`resource`, `project`, `key`)
);
--> statement-breakpoint
CREATE INDEX `ec2_tag_project` ON `ec2_tag` (`project`,`resource`,`key`);
--> statement-breakpoint
CREATE TABLE `ec2_gateway` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`vpc` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`vpc`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE INDEX `ec2_gateway_project` ON `ec2_gateway` (`project`,`id`);
--> statement-breakpoint
CREATE UNIQUE INDEX `ec2_gateway_vpc` ON `ec2_gateway` (`vpc`) WHERE vpc is not null;
--> statement-breakpoint
CREATE TABLE `ec2_route_table` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`vpc` text NOT NULL,
	`routes` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`vpc`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `ec2_route_table_project` ON `ec2_route_table` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `ec2_route_table_vpc` ON `ec2_route_table` (`vpc`);
--> statement-breakpoint
CREATE TABLE `ec2_subnet_table` (
	`subnet` text PRIMARY KEY NOT NULL,
	`route_table` text NOT NULL,
	FOREIGN KEY (`subnet`) REFERENCES `subnet`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`route_table`) REFERENCES `ec2_route_table`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `ec2_subnet_table_of` ON `ec2_subnet_table` (`route_table`);
--> statement-breakpoint
CREATE TABLE `ec2_group_vpc` (
	`group_id` text PRIMARY KEY NOT NULL,
	`vpc` text NOT NULL,
	FOREIGN KEY (`group_id`) REFERENCES `security_group`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`vpc`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `ec2_group_vpc_of` ON `ec2_group_vpc` (`vpc`);
--> statement-breakpoint
-- A tag goes with what it is on, whichever API takes that away.
CREATE TRIGGER server_untagged AFTER DELETE ON server BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER volume_untagged AFTER DELETE ON volume BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER snapshot_untagged AFTER DELETE ON snapshot BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER image_untagged AFTER DELETE ON image BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER network_untagged AFTER DELETE ON network BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER subnet_untagged AFTER DELETE ON subnet BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER port_untagged AFTER DELETE ON port BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER security_group_untagged AFTER DELETE ON security_group BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER security_group_rule_untagged AFTER DELETE ON security_group_rule BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER floating_ip_untagged AFTER DELETE ON floating_ip BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER ec2_gateway_untagged AFTER DELETE ON ec2_gateway BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER ec2_route_table_untagged AFTER DELETE ON ec2_route_table BEGIN
  DELETE FROM ec2_tag WHERE resource = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER keypair_untagged AFTER DELETE ON keypair BEGIN
  DELETE FROM ec2_tag WHERE resource = old.user || '/' || old.name;
END;
