CREATE TABLE `host_images` (
	`host` text PRIMARY KEY NOT NULL,
	`images` text NOT NULL
);
