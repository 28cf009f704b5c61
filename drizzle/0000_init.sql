CREATE TABLE `join_token_redemptions` (
	`token_id` text NOT NULL,
	`node_id` integer NOT NULL,
	`node_name` text NOT NULL,
	`address` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`token_id`, `node_id`),
	FOREIGN KEY (`token_id`) REFERENCES `join_tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `join_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`kind` text NOT NULL,
	`max_uses` integer NOT NULL,
	`uses` integer NOT NULL,
	`node_name` text,
	`node_id` integer,
	`allowed_cidrs` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `join_tokens_hash_unique` ON `join_tokens` (`hash`);--> statement-breakpoint
CREATE TABLE `leadership_terms` (
	`term` integer PRIMARY KEY NOT NULL,
	`node_id` integer NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `members` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`key_pin` text NOT NULL,
	`cluster_address` text NOT NULL,
	`raft_peer_address` text NOT NULL,
	`raft_client_address` text NOT NULL,
	`api_url` text NOT NULL,
	`version` text NOT NULL,
	`feature_level` integer NOT NULL,
	`state` text NOT NULL,
	`certificate_expires_at` integer,
	`token_id` text,
	`joined_at` integer NOT NULL,
	`stage_at` integer NOT NULL,
	`removed_at` integer,
	`drained_at` integer
);
--> statement-breakpoint
CREATE INDEX `members_key_pin` ON `members` (`key_pin`);--> statement-breakpoint
CREATE TABLE `haproxy_revisions` (
	`revision` integer PRIMARY KEY NOT NULL,
	`etag` text NOT NULL,
	`created_at` integer NOT NULL,
	`log_index` integer NOT NULL,
	`reason` text NOT NULL,
	`version` text NOT NULL,
	`servers` integer NOT NULL,
	`settings_etag` text NOT NULL,
	`config` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `haproxy_settings` (
	`id` integer PRIMARY KEY NOT NULL,
	`settings` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `api_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`hash` text NOT NULL,
	`hint` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_tokens_name_unique` ON `api_tokens` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `api_tokens_hash_unique` ON `api_tokens` (`hash`);--> statement-breakpoint
CREATE TABLE `revoked_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `cluster_info` (
	`id` integer PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`name` text NOT NULL,
	`ca_cert` text NOT NULL,
	`created_at` integer NOT NULL,
	`set_up_at` integer
);
--> statement-breakpoint
CREATE TABLE `cluster_secrets` (
	`name` text PRIMARY KEY NOT NULL,
	`jwe` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`username` text NOT NULL,
	`role` text NOT NULL,
	`password_hash` text NOT NULL,
	`session_version` integer NOT NULL,
	`kept_session` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_username_unique` ON `users` (`username`);--> statement-breakpoint
CREATE TABLE `audit` (
	`seq` integer PRIMARY KEY NOT NULL,
	`log_index` integer NOT NULL,
	`at` integer NOT NULL,
	`command_id` text NOT NULL,
	`action` text NOT NULL,
	`actor_kind` text NOT NULL,
	`actor` text NOT NULL,
	`target` text NOT NULL,
	`outcome` text NOT NULL,
	`code` text NOT NULL,
	`node_id` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_actor` ON `audit` (`actor`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_action` ON `audit` (`action`,`seq`);--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`type` text NOT NULL,
	`source_node` integer NOT NULL,
	`log_index` integer NOT NULL,
	`term` integer,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`message` text NOT NULL,
	`data` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_type` ON `events` (`type`,`seq`);--> statement-breakpoint
CREATE TABLE `seen_commands` (
	`id` text PRIMARY KEY NOT NULL,
	`log_index` integer NOT NULL,
	`at` integer NOT NULL,
	`fingerprint` text NOT NULL,
	`outcome` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `system_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`applied_index` integer NOT NULL,
	`cursor` text NOT NULL,
	`chain` blob NOT NULL,
	`last_at` integer NOT NULL
);
