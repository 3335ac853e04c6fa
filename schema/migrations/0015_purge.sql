CREATE INDEX `saga_purge` ON `saga` (`project`,`created_at`) WHERE kind = 'project.purge';
