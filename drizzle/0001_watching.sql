CREATE TABLE `failover_intents` (
	`id` integer PRIMARY KEY NOT NULL,
	`from_node` integer NOT NULL,
	`reason` text NOT NULL,
	`requested_by` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `failovers` (
	`term` integer PRIMARY KEY NOT NULL,
	`from_node` integer NOT NULL,
	`to_node` integer NOT NULL,
	`at` integer NOT NULL,
	`reason` text NOT NULL,
	`requested_by` text NOT NULL,
	`write_gap_ms` integer,
	`measured_from` text,
	`probe_gap_ms` integer
);
--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`webhook_id` text NOT NULL,
	`seq` integer NOT NULL,
	`event_id` text NOT NULL,
	`event_type` text NOT NULL,
	`state` text NOT NULL,
	`attempts` integer NOT NULL,
	`http_status` integer,
	`error` text NOT NULL,
	`duration_ms` integer NOT NULL,
	`at` integer NOT NULL,
	`event` text
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_state` ON `webhook_deliveries` (`webhook_id`,`state`,`seq`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`url` text NOT NULL,
	`types` text NOT NULL,
	`enabled` integer NOT NULL,
	`secret_jwe` text NOT NULL,
	`cursor` integer NOT NULL,
	`failing_since` integer,
	`last_error` text NOT NULL,
	`created_at` integer NOT NULL,
	`created_by` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhooks_name_unique` ON `webhooks` (`name`);--> statement-breakpoint
ALTER TABLE `leadership_terms` ADD `log_index` integer;