DROP INDEX `project_parent`;
--> statement-breakpoint
CREATE INDEX `project_parent` ON `project` (`parent_id`,`is_domain`,`id`);
--> statement-breakpoint
DROP INDEX `project_by_name`;
--> statement-breakpoint
CREATE INDEX `project_by_name` ON `project` (`name`,`is_domain`,`id`);
--> statement-breakpoint
CREATE INDEX `project_disabled` ON `project` (`is_domain`,`id`) WHERE enabled = 0;
--> statement-breakpoint
CREATE INDEX `user_default_project` ON `user` (`default_project_id`,`id`) WHERE default_project_id is not null;
--> statement-breakpoint
CREATE INDEX `user_disabled` ON `user` (`id`) WHERE enabled = 0;
