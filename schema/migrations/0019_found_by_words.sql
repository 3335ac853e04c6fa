-- Filters by a part of a name look through these alone, in the order of the list, and read the rows that are shown.
DROP INDEX `user_domain`;
--> statement-breakpoint
CREATE INDEX `user_domain` ON `user` (`domain_id`,`id`,`name`,`enabled`);
--> statement-breakpoint
CREATE INDEX `user_list` ON `user` (`id`,`name`,`enabled`);
--> statement-breakpoint
CREATE INDEX `user_domain_disabled` ON `user` (`domain_id`,`enabled`,`id`) WHERE enabled = 0;
--> statement-breakpoint
DROP INDEX `group_domain`;
--> statement-breakpoint
CREATE INDEX `group_domain` ON `user_group` (`domain_id`,`id`,`name`);
--> statement-breakpoint
CREATE INDEX `group_list` ON `user_group` (`id`,`name`);
--> statement-breakpoint
DROP INDEX `project_list`;
--> statement-breakpoint
CREATE INDEX `project_list` ON `project` (`is_domain`,`id`,`name`,`enabled`);
--> statement-breakpoint
DROP INDEX `project_domain`;
--> statement-breakpoint
CREATE INDEX `project_domain` ON `project` (`domain_id`,`is_domain`,`id`,`name`,`enabled`);
--> statement-breakpoint
CREATE INDEX `project_domain_disabled` ON `project` (`domain_id`,`is_domain`,`enabled`,`id`) WHERE enabled = 0;
--> statement-breakpoint
-- The tags of each project as rows, kept by the database itself: a list by tags reads those that match.
CREATE TABLE `project_tag` (
	`tag` text NOT NULL,
	`project_id` text NOT NULL,
	PRIMARY KEY(`tag`, `project_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `project_tag_project` ON `project_tag` (`project_id`);
--> statement-breakpoint
INSERT OR IGNORE INTO `project_tag` SELECT t.value, p.id FROM `project` p, json_each(p.tags) t;
--> statement-breakpoint
CREATE TRIGGER project_tagged AFTER INSERT ON project WHEN new.tags <> '[]' BEGIN
  INSERT OR IGNORE INTO project_tag SELECT value, new.id FROM json_each(new.tags);
END;
--> statement-breakpoint
CREATE TRIGGER project_retagged AFTER UPDATE OF tags ON project WHEN new.tags <> old.tags BEGIN
  DELETE FROM project_tag WHERE project_id = new.id;
  INSERT OR IGNORE INTO project_tag SELECT value, new.id FROM json_each(new.tags);
END;
--> statement-breakpoint
CREATE TRIGGER project_untagged AFTER DELETE ON project WHEN old.tags <> '[]' BEGIN
  DELETE FROM project_tag WHERE project_id = old.id;
END;
