CREATE TABLE `backup_settings` (
	`id` integer PRIMARY KEY NOT NULL,
	`enabled` integer NOT NULL,
	`cron` text NOT NULL,
	`time_zone` text NOT NULL,
	`target` text NOT NULL,
	`keep_count` integer NOT NULL,
	`keep_days` integer NOT NULL,
	`revision` integer NOT NULL,
	`done_until` integer NOT NULL,
	`last_due_at` integer,
	`missed_runs` integer NOT NULL,
	`encryption` text NOT NULL,
	`recipients` text NOT NULL,
	`passphrase_jwe` text
);
--> statement-breakpoint
CREATE TABLE `backup_targets` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`endpoint` text NOT NULL,
	`region` text NOT NULL,
	`bucket` text NOT NULL,
	`prefix` text NOT NULL,
	`access_key_id` text NOT NULL,
	`secret_jwe` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `backup_targets_name_unique` ON `backup_targets` (`name`);--> statement-breakpoint
CREATE TABLE `backups` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`stage` text NOT NULL,
	`percent` integer NOT NULL,
	`node_id` integer NOT NULL,
	`target` text NOT NULL,
	`file` text NOT NULL,
	`note` text NOT NULL,
	`requested_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer,
	`due_at` integer,
	`bytes` integer,
	`sha256` text,
	`epoch` integer,
	`index` integer,
	`last_change_at` integer,
	`schema_version` integer,
	`cluster_id` text,
	`version` text NOT NULL,
	`encryption` text NOT NULL,
	`verification` text NOT NULL,
	`verify_node` integer,
	`verified_at` integer,
	`verify_detail` text NOT NULL,
	`error_code` text,
	`error_detail` text
);
--> statement-breakpoint
CREATE INDEX `backups_state` ON `backups` (`state`);