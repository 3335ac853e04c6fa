CREATE TABLE `event` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`action` text NOT NULL,
	`resource` text,
	`project` text,
	`user` text,
	`request_id` text NOT NULL,
	`detail` text
);
--> statement-breakpoint
CREATE INDEX `event_resource` ON `event` (`resource`,`seq`);
--> statement-breakpoint
CREATE INDEX `event_at` ON `event` (`at`);
--> statement-breakpoint
CREATE TABLE `guard` (
	`kind` text NOT NULL,
	`rows` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `idempotency` (
	`key` text PRIMARY KEY NOT NULL,
	`answer` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `job` (
	`id` text PRIMARY KEY NOT NULL,
	`host` text NOT NULL,
	`kind` text NOT NULL,
	`lane` text NOT NULL,
	`args` text NOT NULL,
	`state` text NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`lease_until` integer,
	`run_at` integer NOT NULL,
	`priority` integer DEFAULT 5 NOT NULL,
	`saga` text,
	`step` text,
	`undo` integer DEFAULT false NOT NULL,
	`progress` text,
	`result` text,
	`error` text,
	`request_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `job_queue` ON `job` (`host`,`priority`,`run_at`,`id`) WHERE state = 'queued';
--> statement-breakpoint
CREATE INDEX `job_lease` ON `job` (`lease_until`) WHERE state = 'running';
--> statement-breakpoint
CREATE INDEX `job_running` ON `job` (`host`) WHERE state = 'running';
--> statement-breakpoint
CREATE INDEX `job_saga` ON `job` (`saga`);
--> statement-breakpoint
CREATE INDEX `job_ended` ON `job` (`updated_at`) WHERE state in ('done','failed','cancelled');
--> statement-breakpoint
CREATE TABLE `saga` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`lane` text NOT NULL,
	`state` text NOT NULL,
	`args` text NOT NULL,
	`log` text NOT NULL,
	`generation` integer NOT NULL,
	`deadline` integer NOT NULL,
	`request_id` text NOT NULL,
	`project` text,
	`user` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `saga_live_lane` ON `saga` (`lane`) WHERE state in ('open','unwinding','stuck');
--> statement-breakpoint
CREATE INDEX `saga_live_deadline` ON `saga` (`deadline`) WHERE state in ('open','unwinding','stuck');
--> statement-breakpoint
CREATE TABLE `sweep` (
	`name` text PRIMARY KEY NOT NULL,
	`next_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `enrollment` (
	`hash` text PRIMARY KEY NOT NULL,
	`uses` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `host` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`public_key` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`disabled_reason` text,
	`forced_down` integer DEFAULT false NOT NULL,
	`zone` text DEFAULT 'nova' NOT NULL,
	`number` integer NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	`seen_at` integer NOT NULL,
	`inventory_at` integer,
	`hypervisor` text,
	`capacity` text,
	`vcpus` integer DEFAULT 0 NOT NULL,
	`memory_mb` integer DEFAULT 0 NOT NULL,
	`disk_gb` integer DEFAULT 0 NOT NULL,
	`cpu_ratio` real DEFAULT 16 NOT NULL,
	`memory_ratio` real DEFAULT 1.5 NOT NULL,
	`disk_ratio` real DEFAULT 1 NOT NULL,
	`reserved_memory_mb` integer DEFAULT 512 NOT NULL,
	`storage` text,
	`simulated` integer DEFAULT false NOT NULL,
	`boot_id` text,
	`version` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_name_unique` ON `host` (`name`);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_number_unique` ON `host` (`number`);
--> statement-breakpoint
CREATE INDEX `host_storage` ON `host` (`storage`);
--> statement-breakpoint
CREATE TABLE `orphan` (
	`id` text PRIMARY KEY NOT NULL,
	`host` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `orphan_host` ON `orphan` (`host`);
--> statement-breakpoint
CREATE TABLE `access_rule` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`service` text NOT NULL,
	`method` text NOT NULL,
	`path` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `access_rule_what` ON `access_rule` (`user_id`,`service`,`method`,`path`);
--> statement-breakpoint
CREATE TABLE `application_credential` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`user_id` text NOT NULL,
	`project_id` text NOT NULL,
	`description` text,
	`secret` text NOT NULL,
	`roles` text NOT NULL,
	`unrestricted` integer DEFAULT false NOT NULL,
	`expires_at` integer,
	`access_rules` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `application_credential_name` ON `application_credential` (`user_id`,`name`);
--> statement-breakpoint
CREATE INDEX `application_credential_project` ON `application_credential` (`project_id`);
--> statement-breakpoint
CREATE TABLE `assignment` (
	`actor_kind` text NOT NULL,
	`actor` text NOT NULL,
	`scope` text NOT NULL,
	`target` text NOT NULL,
	`role` text NOT NULL,
	`inherited` integer DEFAULT false NOT NULL,
	PRIMARY KEY(`actor_kind`, `actor`, `scope`, `target`, `role`, `inherited`)
);
--> statement-breakpoint
CREATE INDEX `assignment_target` ON `assignment` (`target`);
--> statement-breakpoint
CREATE INDEX `assignment_role` ON `assignment` (`role`);
--> statement-breakpoint
CREATE TABLE `oauth_consumer` (
	`id` text PRIMARY KEY NOT NULL,
	`description` text,
	`secret` text NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `credential` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`project_id` text,
	`type` text NOT NULL,
	`blob` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `credential_user` ON `credential` (`user_id`,`id`);
--> statement-breakpoint
CREATE INDEX `credential_project` ON `credential` (`project_id`);
--> statement-breakpoint
CREATE TABLE `domain_config` (
	`domain_id` text NOT NULL,
	`config_group` text NOT NULL,
	`config_option` text NOT NULL,
	`value` text,
	PRIMARY KEY(`domain_id`, `config_group`, `config_option`)
);
--> statement-breakpoint
CREATE TABLE `endpoint` (
	`id` text PRIMARY KEY NOT NULL,
	`service_id` text NOT NULL,
	`region_id` text,
	`interface` text NOT NULL,
	`url` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE INDEX `endpoint_service` ON `endpoint` (`service_id`);
--> statement-breakpoint
CREATE TABLE `endpoint_group` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`filters` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `endpoint_group_project` (
	`endpoint_group_id` text NOT NULL,
	`project_id` text NOT NULL,
	PRIMARY KEY(`project_id`, `endpoint_group_id`)
);
--> statement-breakpoint
CREATE INDEX `endpoint_group_project_group` ON `endpoint_group_project` (`endpoint_group_id`);
--> statement-breakpoint
CREATE TABLE `endpoint_project` (
	`endpoint_id` text NOT NULL,
	`project_id` text NOT NULL,
	PRIMARY KEY(`project_id`, `endpoint_id`)
);
--> statement-breakpoint
CREATE INDEX `endpoint_project_endpoint` ON `endpoint_project` (`endpoint_id`);
--> statement-breakpoint
CREATE TABLE `federated_user` (
	`idp_id` text NOT NULL,
	`protocol_id` text NOT NULL,
	`unique_id` text NOT NULL,
	`user_id` text NOT NULL,
	`display_name` text,
	PRIMARY KEY(`idp_id`, `protocol_id`, `unique_id`)
);
--> statement-breakpoint
CREATE INDEX `federated_user_user` ON `federated_user` (`user_id`);
--> statement-breakpoint
CREATE TABLE `federation_protocol` (
	`id` text NOT NULL,
	`idp_id` text NOT NULL,
	`mapping_id` text NOT NULL,
	`remote_id_attribute` text,
	`client` text,
	PRIMARY KEY(`idp_id`, `id`)
);
--> statement-breakpoint
CREATE INDEX `federation_protocol_mapping` ON `federation_protocol` (`mapping_id`);
--> statement-breakpoint
CREATE TABLE `former_password` (
	`user_id` text NOT NULL,
	`hash` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`user_id`, `at`)
);
--> statement-breakpoint
CREATE TABLE `user_group` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`domain_id` text NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`directory_id` text,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_name` ON `user_group` (`domain_id`,`name`);
--> statement-breakpoint
CREATE INDEX `group_domain` ON `user_group` (`domain_id`,`id`);
--> statement-breakpoint
CREATE INDEX `group_by_name` ON `user_group` (`name`);
--> statement-breakpoint
CREATE TABLE `guess` (
	`subject` text PRIMARY KEY NOT NULL,
	`count` integer NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `guess_at` ON `guess` (`at`);
--> statement-breakpoint
CREATE TABLE `identity_provider` (
	`id` text PRIMARY KEY NOT NULL,
	`domain_id` text NOT NULL,
	`enabled` integer DEFAULT false NOT NULL,
	`description` text,
	`authorization_ttl` integer,
	`remote_ids` text DEFAULT '[]' NOT NULL
);
--> statement-breakpoint
CREATE INDEX `identity_provider_domain` ON `identity_provider` (`domain_id`);
--> statement-breakpoint
CREATE TABLE `identity_revision` (
	`id` integer PRIMARY KEY NOT NULL,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `idp_remote_id` (
	`remote_id` text PRIMARY KEY NOT NULL,
	`idp_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `idp_remote_idp` ON `idp_remote_id` (`idp_id`);
--> statement-breakpoint
CREATE TABLE `implied_role` (
	`prior_role_id` text NOT NULL,
	`implied_role_id` text NOT NULL,
	PRIMARY KEY(`prior_role_id`, `implied_role_id`)
);
--> statement-breakpoint
CREATE TABLE `resource_limit` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text DEFAULT '' NOT NULL,
	`domain_id` text DEFAULT '' NOT NULL,
	`service_id` text NOT NULL,
	`region_id` text DEFAULT '' NOT NULL,
	`resource_name` text NOT NULL,
	`resource_limit` integer NOT NULL,
	`description` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `limit_what` ON `resource_limit` (`project_id`,`domain_id`,`service_id`,`region_id`,`resource_name`);
--> statement-breakpoint
CREATE TABLE `mapping` (
	`id` text PRIMARY KEY NOT NULL,
	`rules` text NOT NULL,
	`schema_version` text DEFAULT '1.0' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `membership` (
	`user_id` text NOT NULL,
	`group_id` text NOT NULL,
	`expires_at` integer,
	PRIMARY KEY(`user_id`, `group_id`)
);
--> statement-breakpoint
CREATE INDEX `membership_group` ON `membership` (`group_id`,`user_id`);
--> statement-breakpoint
CREATE TABLE `oauth_token` (
	`id` text PRIMARY KEY NOT NULL,
	`consumer_id` text NOT NULL,
	`kind` text NOT NULL,
	`secret` text NOT NULL,
	`project_id` text NOT NULL,
	`user_id` text,
	`roles` text DEFAULT '[]' NOT NULL,
	`verifier` text,
	`expires_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `oauth_token_user` ON `oauth_token` (`user_id`,`id`);
--> statement-breakpoint
CREATE INDEX `oauth_token_consumer` ON `oauth_token` (`consumer_id`);
--> statement-breakpoint
CREATE INDEX `oauth_token_project` ON `oauth_token` (`project_id`);
--> statement-breakpoint
CREATE TABLE `policy_association` (
	`policy_id` text NOT NULL,
	`endpoint_id` text DEFAULT '' NOT NULL,
	`service_id` text DEFAULT '' NOT NULL,
	`region_id` text DEFAULT '' NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `policy_association_what` ON `policy_association` (`endpoint_id`,`service_id`,`region_id`);
--> statement-breakpoint
CREATE TABLE `policy` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`blob` text NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `project` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`domain_id` text,
	`parent_id` text,
	`is_domain` integer DEFAULT false NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`options` text DEFAULT '{}' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `project_name` ON `project` (`domain_id`,`name`) WHERE is_domain = 0;
--> statement-breakpoint
CREATE UNIQUE INDEX `domain_name` ON `project` (`name`) WHERE is_domain = 1;
--> statement-breakpoint
CREATE INDEX `project_parent` ON `project` (`parent_id`);
--> statement-breakpoint
CREATE INDEX `project_list` ON `project` (`is_domain`,`id`);
--> statement-breakpoint
CREATE INDEX `project_domain` ON `project` (`domain_id`,`id`);
--> statement-breakpoint
CREATE INDEX `project_by_name` ON `project` (`name`);
--> statement-breakpoint
CREATE TABLE `region` (
	`id` text PRIMARY KEY NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`parent_region_id` text,
	`extra` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `registered_limit` (
	`id` text PRIMARY KEY NOT NULL,
	`service_id` text NOT NULL,
	`region_id` text DEFAULT '' NOT NULL,
	`resource_name` text NOT NULL,
	`default_limit` integer NOT NULL,
	`description` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `registered_limit_what` ON `registered_limit` (`service_id`,`region_id`,`resource_name`);
--> statement-breakpoint
CREATE TABLE `revocation` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`subject` text NOT NULL,
	`at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `revocation_expiry` ON `revocation` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `role` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`domain_id` text,
	`description` text,
	`options` text DEFAULT '{}' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `role_name` ON `role` (`name`) WHERE domain_id is null;
--> statement-breakpoint
CREATE UNIQUE INDEX `role_domain_name` ON `role` (`domain_id`,`name`) WHERE domain_id is not null;
--> statement-breakpoint
CREATE TABLE `service` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text,
	`enabled` integer DEFAULT true NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `service_provider` (
	`id` text PRIMARY KEY NOT NULL,
	`auth_url` text NOT NULL,
	`sp_url` text NOT NULL,
	`enabled` integer DEFAULT false NOT NULL,
	`description` text,
	`relay_state_prefix` text DEFAULT 'ss:mem:' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `signing_key` (
	`id` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`key` text NOT NULL,
	`created_at` integer NOT NULL,
	`changed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `signing_key_one` ON `signing_key` (`state`) WHERE state in ('staged', 'primary');
--> statement-breakpoint
CREATE TABLE `trust` (
	`id` text PRIMARY KEY NOT NULL,
	`trustor_user_id` text NOT NULL,
	`trustee_user_id` text NOT NULL,
	`project_id` text,
	`impersonation` integer NOT NULL,
	`roles` text NOT NULL,
	`expires_at` integer,
	`remaining_uses` integer,
	`redelegated_trust_id` text,
	`redelegation_count` integer DEFAULT 0 NOT NULL,
	`deleted_at` integer,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `trust_trustor` ON `trust` (`trustor_user_id`);
--> statement-breakpoint
CREATE INDEX `trust_trustee` ON `trust` (`trustee_user_id`);
--> statement-breakpoint
CREATE INDEX `trust_project` ON `trust` (`project_id`);
--> statement-breakpoint
CREATE TABLE `user` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`domain_id` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`password` text,
	`password_expires_at` integer,
	`password_at` integer,
	`active_at` integer,
	`default_project_id` text,
	`directory_id` text,
	`options` text DEFAULT '{}' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `user_name` ON `user` (`domain_id`,`name`);
--> statement-breakpoint
CREATE INDEX `user_domain` ON `user` (`domain_id`,`id`);
--> statement-breakpoint
CREATE INDEX `user_by_name` ON `user` (`name`);
--> statement-breakpoint
CREATE TABLE `discard` (
	`key` text PRIMARY KEY NOT NULL,
	`upload` text,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `discard_until` ON `discard` (`until`);
--> statement-breakpoint
CREATE TABLE `image` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text,
	`owner` text,
	`status` text NOT NULL,
	`visibility` text NOT NULL,
	`protected` integer DEFAULT false NOT NULL,
	`hidden` integer DEFAULT false NOT NULL,
	`disk_format` text,
	`container_format` text,
	`min_disk` integer DEFAULT 0 NOT NULL,
	`min_ram` integer DEFAULT 0 NOT NULL,
	`size` integer,
	`virtual_size` integer,
	`md5` text,
	`sha512` text,
	`properties` text NOT NULL,
	`blob` text,
	`attempt` text,
	`attempt_upload` text,
	`attempt_bytes` integer DEFAULT 0 NOT NULL,
	`attempt_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `image_created` ON `image` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_owner` ON `image` (`owner`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_visibility` ON `image` (`visibility`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_name` ON `image` (`name`);
--> statement-breakpoint
CREATE INDEX `image_attempt` ON `image` (`attempt_at`) WHERE attempt is not null;
--> statement-breakpoint
CREATE TABLE `image_member` (
	`image` text NOT NULL,
	`member` text NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`image`, `member`),
	FOREIGN KEY (`image`) REFERENCES `image`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_member_member` ON `image_member` (`member`,`status`);
--> statement-breakpoint
CREATE TABLE `image_quota` (
	`project` text PRIMARY KEY NOT NULL,
	`bytes` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `image_tag` (
	`image` text NOT NULL,
	`tag` text NOT NULL,
	PRIMARY KEY(`image`, `tag`),
	FOREIGN KEY (`image`) REFERENCES `image`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `image_tag_tag` ON `image_tag` (`tag`);
--> statement-breakpoint
CREATE TABLE `image_task` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`image` text,
	`owner` text NOT NULL,
	`user` text NOT NULL,
	`request_id` text NOT NULL,
	`input` text NOT NULL,
	`result` text,
	`message` text NOT NULL,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `image_task_owner` ON `image_task` (`owner`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `image_task_image` ON `image_task` (`image`);
--> statement-breakpoint
CREATE TABLE `metadef_item` (
	`namespace` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`body` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`namespace`) REFERENCES `metadef_namespace`(`namespace`) ON UPDATE cascade ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metadef_item_name` ON `metadef_item` (`namespace`,`kind`,`name`);
--> statement-breakpoint
CREATE TABLE `metadef_namespace` (
	`namespace` text PRIMARY KEY NOT NULL,
	`display_name` text,
	`description` text,
	`visibility` text NOT NULL,
	`protected` integer DEFAULT false NOT NULL,
	`owner` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `attachment` (
	`id` text PRIMARY KEY NOT NULL,
	`volume` text NOT NULL,
	`project` text NOT NULL,
	`server` text,
	`status` text NOT NULL,
	`device` text,
	`mode` text DEFAULT 'rw' NOT NULL,
	`host` text,
	`compute` integer DEFAULT false NOT NULL,
	`connector` text,
	`delete_on_termination` integer DEFAULT false NOT NULL,
	`tag` text,
	`boot_index` integer,
	`attached_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`volume`) REFERENCES `volume`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `attachment_volume` ON `attachment` (`volume`);
--> statement-breakpoint
CREATE INDEX `attachment_server` ON `attachment` (`server`,`created_at`);
--> statement-breakpoint
CREATE INDEX `attachment_project` ON `attachment` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `group_snapshot` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`group_id` text NOT NULL,
	`type` text NOT NULL,
	`name` text,
	`description` text,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `group_snapshot_project` ON `group_snapshot` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `group_snapshot_group` ON `group_snapshot` (`group_id`);
--> statement-breakpoint
CREATE TABLE `group_type` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`public` integer DEFAULT true NOT NULL,
	`specs` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_type_name` ON `group_type` (`name`);
--> statement-breakpoint
CREATE TABLE `qos_spec` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`consumer` text NOT NULL,
	`specs` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `qos_spec_name` ON `qos_spec` (`name`);
--> statement-breakpoint
CREATE TABLE `snapshot` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`volume` text NOT NULL,
	`name` text,
	`description` text,
	`size_gb` integer NOT NULL,
	`status` text NOT NULL,
	`progress` text DEFAULT '0%' NOT NULL,
	`metadata` text NOT NULL,
	`host` text NOT NULL,
	`storage` text,
	`group_snapshot` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`volume`) REFERENCES `volume`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `snapshot_project` ON `snapshot` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `snapshot_created` ON `snapshot` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `snapshot_volume` ON `snapshot` (`volume`);
--> statement-breakpoint
CREATE INDEX `snapshot_group` ON `snapshot` (`group_snapshot`) WHERE group_snapshot is not null;
--> statement-breakpoint
CREATE TABLE `volume` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text,
	`description` text,
	`size_gb` integer NOT NULL,
	`status` text NOT NULL,
	`previous_status` text,
	`attach_status` text DEFAULT 'detached' NOT NULL,
	`migration_status` text,
	`bootable` integer DEFAULT false NOT NULL,
	`readonly` integer DEFAULT false NOT NULL,
	`metadata` text NOT NULL,
	`image_meta` text,
	`zone` text NOT NULL,
	`type` text,
	`host` text,
	`storage` text,
	`snapshot` text,
	`source` text,
	`image` text,
	`group_id` text,
	`group_snapshot` text,
	`launched_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_project` ON `volume` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_created` ON `volume` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_host` ON `volume` (`host`,`size_gb`);
--> statement-breakpoint
CREATE INDEX `volume_snapshot` ON `volume` (`snapshot`);
--> statement-breakpoint
CREATE INDEX `volume_in_group` ON `volume` (`group_id`) WHERE group_id is not null;
--> statement-breakpoint
CREATE TABLE `volume_default_type` (
	`project` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `volume_group` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text,
	`description` text,
	`status` text NOT NULL,
	`type` text NOT NULL,
	`volume_types` text NOT NULL,
	`zone` text NOT NULL,
	`group_snapshot` text,
	`source` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_group_project` ON `volume_group` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `volume_message` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`resource_type` text NOT NULL,
	`resource` text NOT NULL,
	`action` text NOT NULL,
	`detail` text NOT NULL,
	`level` text DEFAULT 'ERROR' NOT NULL,
	`message` text NOT NULL,
	`request_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `volume_message_project` ON `volume_message` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `volume_message_resource` ON `volume_message` (`resource`);
--> statement-breakpoint
CREATE INDEX `volume_message_expiry` ON `volume_message` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `volume_quota` (
	`project` text NOT NULL,
	`resource` text NOT NULL,
	`limit` integer NOT NULL,
	PRIMARY KEY(`project`, `resource`)
);
--> statement-breakpoint
CREATE TABLE `volume_service` (
	`host` text NOT NULL,
	`binary` text NOT NULL,
	`disabled_reason` text,
	`frozen` integer DEFAULT false NOT NULL,
	`disabled` integer DEFAULT false NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`host`, `binary`)
);
--> statement-breakpoint
CREATE TABLE `volume_transfer` (
	`id` text PRIMARY KEY NOT NULL,
	`volume` text NOT NULL,
	`project` text NOT NULL,
	`name` text,
	`salt` text NOT NULL,
	`key_hash` text NOT NULL,
	`no_snapshots` integer DEFAULT false NOT NULL,
	`destination` text,
	`accepted` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_transfer_volume` ON `volume_transfer` (`volume`) WHERE accepted = 0;
--> statement-breakpoint
CREATE INDEX `volume_transfer_project` ON `volume_transfer` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `volume_type` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`public` integer DEFAULT true NOT NULL,
	`extra_specs` text NOT NULL,
	`qos` text,
	`encryption` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_type_name` ON `volume_type` (`name`);
--> statement-breakpoint
CREATE TABLE `volume_type_access` (
	`type` text NOT NULL,
	`project` text NOT NULL,
	PRIMARY KEY(`type`, `project`),
	FOREIGN KEY (`type`) REFERENCES `volume_type`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `aggregate` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text NOT NULL,
	`zone` text,
	`metadata` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `aggregate_uuid_unique` ON `aggregate` (`uuid`);
--> statement-breakpoint
CREATE UNIQUE INDEX `aggregate_name_unique` ON `aggregate` (`name`);
--> statement-breakpoint
CREATE TABLE `aggregate_host` (
	`aggregate` integer NOT NULL,
	`host` text NOT NULL,
	PRIMARY KEY(`aggregate`, `host`)
);
--> statement-breakpoint
CREATE INDEX `aggregate_host_host` ON `aggregate_host` (`host`);
--> statement-breakpoint
CREATE TABLE `compute_quota` (
	`project` text NOT NULL,
	`user` text DEFAULT '' NOT NULL,
	`resource` text NOT NULL,
	`limit` integer NOT NULL,
	PRIMARY KEY(`project`, `user`, `resource`)
);
--> statement-breakpoint
CREATE TABLE `flavor` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`vcpus` integer NOT NULL,
	`memory_mb` integer NOT NULL,
	`disk_gb` integer NOT NULL,
	`ephemeral_gb` integer DEFAULT 0 NOT NULL,
	`swap_mb` integer DEFAULT 0 NOT NULL,
	`rxtx_factor` text DEFAULT '1.0' NOT NULL,
	`is_public` integer DEFAULT true NOT NULL,
	`disabled` integer DEFAULT false NOT NULL,
	`extra_specs` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `flavor_name_unique` ON `flavor` (`name`);
--> statement-breakpoint
CREATE TABLE `flavor_access` (
	`flavor` text NOT NULL,
	`project` text NOT NULL,
	PRIMARY KEY(`flavor`, `project`)
);
--> statement-breakpoint
CREATE INDEX `flavor_access_project` ON `flavor_access` (`project`);
--> statement-breakpoint
CREATE TABLE `keypair` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`fingerprint` text NOT NULL,
	`public_key` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `keypair_user_name` ON `keypair` (`user`,`name`);
--> statement-breakpoint
CREATE TABLE `past_server` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`deleted_at` integer NOT NULL,
	`launched_at` integer,
	`row` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `past_server_project` ON `past_server` (`project`,`deleted_at`);
--> statement-breakpoint
CREATE INDEX `past_server_deleted` ON `past_server` (`deleted_at`);
--> statement-breakpoint
CREATE TABLE `server` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text NOT NULL,
	`hostname` text NOT NULL,
	`description` text,
	`state` text NOT NULL,
	`task` text,
	`power` integer DEFAULT 0 NOT NULL,
	`generation` integer DEFAULT 0 NOT NULL,
	`host` text,
	`zone` text,
	`group_id` text,
	`image` text,
	`image_properties` text NOT NULL,
	`shape` text NOT NULL,
	`old_shape` text,
	`vcpus` integer NOT NULL,
	`memory_mb` integer NOT NULL,
	`key_name` text,
	`metadata` text NOT NULL,
	`tags` text NOT NULL,
	`trusted_certs` text,
	`hints` text,
	`access_ip_v4` text,
	`access_ip_v6` text,
	`auto_disk` integer NOT NULL,
	`config_drive` integer NOT NULL,
	`locked_by` text,
	`locked_reason` text,
	`reservation` text NOT NULL,
	`launch_index` integer DEFAULT 0 NOT NULL,
	`root_device` text NOT NULL,
	`fault` text,
	`vnc_port` integer,
	`launched_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `server_project` ON `server` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `server_created` ON `server` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `server_name` ON `server` (`project`,`name`);
--> statement-breakpoint
CREATE INDEX `server_changed` ON `server` (`project`,`updated_at`);
--> statement-breakpoint
CREATE INDEX `server_host` ON `server` (`host`);
--> statement-breakpoint
CREATE INDEX `server_in_group` ON `server` (`group_id`) WHERE group_id is not null;
--> statement-breakpoint
CREATE INDEX `server_usage` ON `server` (`project`,`vcpus`,`memory_mb`);
--> statement-breakpoint
CREATE TABLE `server_group` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`name` text NOT NULL,
	`policy` text NOT NULL,
	`max_per_host` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `server_group_project` ON `server_group` (`project`,`created_at`,`id`);
--> statement-breakpoint
CREATE TABLE `server_guest` (
	`server` text PRIMARY KEY NOT NULL,
	`user_data` text,
	`keys` text NOT NULL,
	`admin_pass` text,
	`password` text,
	`etag` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `allocation` (
	`consumer` text NOT NULL,
	`provider` text NOT NULL,
	`class` text NOT NULL,
	`used` integer NOT NULL,
	PRIMARY KEY(`consumer`, `provider`, `class`)
);
--> statement-breakpoint
CREATE INDEX `allocation_provider` ON `allocation` (`provider`);
--> statement-breakpoint
CREATE TABLE `custom_class` (
	`name` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `custom_trait` (
	`name` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `inventory` (
	`provider` text NOT NULL,
	`class` text NOT NULL,
	`total` integer NOT NULL,
	`reserved` integer DEFAULT 0 NOT NULL,
	`min_unit` integer DEFAULT 1 NOT NULL,
	`max_unit` integer NOT NULL,
	`step_size` integer DEFAULT 1 NOT NULL,
	`ratio` real DEFAULT 1 NOT NULL,
	PRIMARY KEY(`provider`, `class`)
);
--> statement-breakpoint
CREATE INDEX `inventory_class` ON `inventory` (`class`);
--> statement-breakpoint
CREATE TABLE `placement_consumer` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`user` text NOT NULL,
	`type` text,
	`generation` integer DEFAULT 1 NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `placement_consumer_project` ON `placement_consumer` (`project`,`user`);
--> statement-breakpoint
CREATE TABLE `provider` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`parent` text,
	`root` text NOT NULL,
	`generation` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `provider_name_unique` ON `provider` (`name`);
--> statement-breakpoint
CREATE INDEX `provider_root` ON `provider` (`root`);
--> statement-breakpoint
CREATE TABLE `provider_aggregate` (
	`provider` text NOT NULL,
	`aggregate` text NOT NULL,
	PRIMARY KEY(`provider`, `aggregate`)
);
--> statement-breakpoint
CREATE INDEX `provider_aggregate_aggregate` ON `provider_aggregate` (`aggregate`);
--> statement-breakpoint
CREATE TABLE `provider_trait` (
	`provider` text NOT NULL,
	`trait` text NOT NULL,
	PRIMARY KEY(`provider`, `trait`)
);
--> statement-breakpoint
CREATE INDEX `provider_trait_trait` ON `provider_trait` (`trait`);
--> statement-breakpoint
CREATE TABLE `provider_usage` (
	`provider` text NOT NULL,
	`class` text NOT NULL,
	`used` integer NOT NULL,
	PRIMARY KEY(`provider`, `class`)
);
--> statement-breakpoint
CREATE TABLE `address` (
	`subnet` text NOT NULL,
	`address` text NOT NULL,
	`n` integer,
	`port` text NOT NULL,
	`network` text NOT NULL,
	PRIMARY KEY(`subnet`, `address`),
	FOREIGN KEY (`subnet`) REFERENCES `subnet`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `address_n` ON `address` (`subnet`,`n`);
--> statement-breakpoint
CREATE INDEX `address_port` ON `address` (`port`);
--> statement-breakpoint
CREATE INDEX `address_network` ON `address` (`network`);
--> statement-breakpoint
CREATE TABLE `address_group` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`addresses` text DEFAULT '[]' NOT NULL
);
--> statement-breakpoint
CREATE INDEX `address_group_project` ON `address_group` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `address_scope` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	`shared` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE INDEX `address_scope_project` ON `address_scope` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `agent_setting` (
	`host` text NOT NULL,
	`kind` text NOT NULL,
	`admin_up` integer DEFAULT true NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	PRIMARY KEY(`host`, `kind`)
);
--> statement-breakpoint
CREATE TABLE `floating_ip` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`qos_policy` text,
	`network` text NOT NULL,
	`address` text NOT NULL,
	`own_port` text NOT NULL,
	`port` text,
	`fixed_address` text,
	`router` text,
	`status` text DEFAULT 'DOWN' NOT NULL,
	`dns_name` text DEFAULT '' NOT NULL,
	`dns_domain` text DEFAULT '' NOT NULL,
	FOREIGN KEY (`qos_policy`) REFERENCES `qos_policy`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`network`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `floating_ip_project` ON `floating_ip` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `floating_ip_port` ON `floating_ip` (`port`);
--> statement-breakpoint
CREATE INDEX `floating_ip_router` ON `floating_ip` (`router`);
--> statement-breakpoint
CREATE UNIQUE INDEX `floating_ip_address` ON `floating_ip` (`network`,`address`);
--> statement-breakpoint
CREATE UNIQUE INDEX `floating_ip_fixed` ON `floating_ip` (`port`,`fixed_address`);
--> statement-breakpoint
CREATE INDEX `floating_ip_qos` ON `floating_ip` (`qos_policy`) WHERE qos_policy is not null;
--> statement-breakpoint
CREATE TABLE `network` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`qos_policy` text,
	`admin_up` integer DEFAULT true NOT NULL,
	`shared` integer DEFAULT false NOT NULL,
	`external` integer DEFAULT false NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`port_security` integer DEFAULT true NOT NULL,
	`mtu` integer NOT NULL,
	`dns_domain` text DEFAULT '' NOT NULL,
	`provider_type` text NOT NULL,
	`physical_network` text,
	`segment` integer,
	`vni` integer NOT NULL,
	FOREIGN KEY (`qos_policy`) REFERENCES `qos_policy`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `network_vni_unique` ON `network` (`vni`);
--> statement-breakpoint
CREATE INDEX `network_project` ON `network` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `network_shared` ON `network` (`shared`) WHERE shared = 1;
--> statement-breakpoint
CREATE INDEX `network_external` ON `network` (`external`) WHERE external = 1;
--> statement-breakpoint
CREATE INDEX `network_qos` ON `network` (`qos_policy`) WHERE qos_policy is not null;
--> statement-breakpoint
CREATE UNIQUE INDEX `network_segment` ON `network` (`provider_type`,`physical_network`,`segment`);
--> statement-breakpoint
CREATE TABLE `network_quota` (
	`project` text NOT NULL,
	`resource` text NOT NULL,
	`limit_` integer NOT NULL,
	PRIMARY KEY(`project`, `resource`)
);
--> statement-breakpoint
CREATE TABLE `port` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`qos_policy` text,
	`network` text NOT NULL,
	`mac` text NOT NULL,
	`admin_up` integer DEFAULT true NOT NULL,
	`status` text DEFAULT 'DOWN' NOT NULL,
	`device` text DEFAULT '' NOT NULL,
	`device_owner` text DEFAULT '' NOT NULL,
	`host` text,
	`binding_host` text DEFAULT '' NOT NULL,
	`vnic_type` text DEFAULT 'normal' NOT NULL,
	`profile` text DEFAULT '{}' NOT NULL,
	`port_security` integer DEFAULT true NOT NULL,
	`pairs` text DEFAULT '[]' NOT NULL,
	`dhcp_options` text DEFAULT '[]' NOT NULL,
	`dns_name` text DEFAULT '' NOT NULL,
	`owned_by_server` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`qos_policy`) REFERENCES `qos_policy`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`network`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `port_mac` ON `port` (`network`,`mac`);
--> statement-breakpoint
CREATE INDEX `port_network` ON `port` (`network`,`id`);
--> statement-breakpoint
CREATE INDEX `port_device` ON `port` (`device`);
--> statement-breakpoint
CREATE INDEX `port_host` ON `port` (`host`);
--> statement-breakpoint
CREATE INDEX `port_network_host` ON `port` (`network`,`host`) WHERE host is not null;
--> statement-breakpoint
CREATE INDEX `port_project` ON `port` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `port_qos` ON `port` (`qos_policy`) WHERE qos_policy is not null;
--> statement-breakpoint
CREATE TABLE `port_forwarding` (
	`id` text PRIMARY KEY NOT NULL,
	`floating_ip` text NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`protocol` text NOT NULL,
	`outer_min` integer NOT NULL,
	`outer_max` integer NOT NULL,
	`port` text NOT NULL,
	`inner` text NOT NULL,
	`inner_min` integer NOT NULL,
	`inner_max` integer NOT NULL,
	FOREIGN KEY (`floating_ip`) REFERENCES `floating_ip`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `port_forwarding_floating` ON `port_forwarding` (`floating_ip`);
--> statement-breakpoint
CREATE INDEX `port_forwarding_port` ON `port_forwarding` (`port`);
--> statement-breakpoint
CREATE TABLE `port_security_group` (
	`port` text NOT NULL,
	`security_group` text NOT NULL,
	`host` text,
	PRIMARY KEY(`port`, `security_group`),
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`security_group`) REFERENCES `security_group`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `port_security_group_group` ON `port_security_group` (`security_group`,`host`);
--> statement-breakpoint
CREATE TABLE `qos_policy` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`shared` integer DEFAULT false NOT NULL,
	`is_default` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE INDEX `qos_policy_project` ON `qos_policy` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `qos_policy_shared` ON `qos_policy` (`shared`) WHERE shared = 1;
--> statement-breakpoint
CREATE UNIQUE INDEX `qos_policy_default` ON `qos_policy` (`project`) WHERE is_default = 1;
--> statement-breakpoint
CREATE TABLE `qos_rule` (
	`id` text PRIMARY KEY NOT NULL,
	`policy` text NOT NULL,
	`kind` text NOT NULL,
	`direction` text NOT NULL,
	`value` integer NOT NULL,
	`burst` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`policy`) REFERENCES `qos_policy`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `qos_rule_same` ON `qos_rule` (`policy`,`kind`,`direction`);
--> statement-breakpoint
CREATE TABLE `rbac` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`object_type` text NOT NULL,
	`object` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rbac_same` ON `rbac` (`object_type`,`object`,`action`,`target`);
--> statement-breakpoint
CREATE INDEX `rbac_project` ON `rbac` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `rbac_target` ON `rbac` (`target`,`object_type`,`action`);
--> statement-breakpoint
CREATE TABLE `router` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`qos_policy` text,
	`admin_up` integer DEFAULT true NOT NULL,
	`external_network` text,
	`gateway_port` text,
	`snat` integer DEFAULT true NOT NULL,
	`routes` text DEFAULT '[]' NOT NULL,
	`host` text,
	`distributed` integer DEFAULT false NOT NULL,
	`ha` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`qos_policy`) REFERENCES `qos_policy`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`external_network`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `router_project` ON `router` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `router_host` ON `router` (`host`);
--> statement-breakpoint
CREATE INDEX `router_external` ON `router` (`external_network`);
--> statement-breakpoint
CREATE INDEX `router_qos` ON `router` (`qos_policy`) WHERE qos_policy is not null;
--> statement-breakpoint
CREATE TABLE `router_interface` (
	`router` text NOT NULL,
	`port` text NOT NULL,
	`subnet` text NOT NULL,
	PRIMARY KEY(`router`, `port`, `subnet`),
	FOREIGN KEY (`router`) REFERENCES `router`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`subnet`) REFERENCES `subnet`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `router_interface_subnet` ON `router_interface` (`router`,`subnet`);
--> statement-breakpoint
CREATE INDEX `router_interface_of_subnet` ON `router_interface` (`subnet`);
--> statement-breakpoint
CREATE INDEX `router_interface_port` ON `router_interface` (`port`);
--> statement-breakpoint
CREATE TABLE `security_group` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`stateful` integer DEFAULT true NOT NULL
);
--> statement-breakpoint
CREATE INDEX `security_group_project` ON `security_group` (`project`,`id`);
--> statement-breakpoint
CREATE UNIQUE INDEX `security_group_default` ON `security_group` (`project`) WHERE is_default = 1;
--> statement-breakpoint
CREATE TABLE `security_group_rule` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`security_group` text NOT NULL,
	`direction` text NOT NULL,
	`ethertype` text NOT NULL,
	`protocol` text,
	`port_min` integer,
	`port_max` integer,
	`remote_ip` text,
	`remote_group` text,
	`remote_address_group` text,
	`fingerprint` text NOT NULL,
	FOREIGN KEY (`security_group`) REFERENCES `security_group`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `security_group_rule_same` ON `security_group_rule` (`security_group`,`fingerprint`);
--> statement-breakpoint
CREATE INDEX `security_group_rule_remote` ON `security_group_rule` (`remote_group`);
--> statement-breakpoint
CREATE INDEX `security_group_rule_remote_addresses` ON `security_group_rule` (`remote_address_group`);
--> statement-breakpoint
CREATE INDEX `security_group_rule_project` ON `security_group_rule` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `sub_port` (
	`port` text PRIMARY KEY NOT NULL,
	`trunk` text NOT NULL,
	`segmentation_type` text NOT NULL,
	`segmentation_id` integer NOT NULL,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`trunk`) REFERENCES `trunk`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sub_port_tag` ON `sub_port` (`trunk`,`segmentation_id`);
--> statement-breakpoint
CREATE TABLE `subnet` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`network` text NOT NULL,
	`version` integer NOT NULL,
	`cidr` text NOT NULL,
	`gateway` text,
	`dhcp` integer DEFAULT true NOT NULL,
	`dns` text DEFAULT '[]' NOT NULL,
	`routes` text DEFAULT '[]' NOT NULL,
	`pools` text NOT NULL,
	`ranges` text DEFAULT '[]' NOT NULL,
	`ra_mode` text,
	`address_mode` text,
	`pool` text,
	`service_types` text DEFAULT '[]' NOT NULL,
	FOREIGN KEY (`network`) REFERENCES `network`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `subnet_network` ON `subnet` (`network`);
--> statement-breakpoint
CREATE INDEX `subnet_project` ON `subnet` (`project`,`id`);
--> statement-breakpoint
CREATE INDEX `subnet_in_pool` ON `subnet` (`pool`);
--> statement-breakpoint
CREATE TABLE `subnet_pool` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	`prefixes` text NOT NULL,
	`min_prefix` integer NOT NULL,
	`max_prefix` integer NOT NULL,
	`default_prefix` integer NOT NULL,
	`default_quota` integer,
	`shared` integer DEFAULT false NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`address_scope` text
);
--> statement-breakpoint
CREATE INDEX `subnet_pool_project` ON `subnet_pool` (`project`,`id`);
--> statement-breakpoint
CREATE TABLE `trunk` (
	`id` text PRIMARY KEY NOT NULL,
	`project` text NOT NULL,
	`name` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`admin_up` integer DEFAULT true NOT NULL,
	`port` text NOT NULL,
	FOREIGN KEY (`port`) REFERENCES `port`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `trunk_port` ON `trunk` (`port`);
--> statement-breakpoint
CREATE INDEX `trunk_project` ON `trunk` (`project`,`id`);
