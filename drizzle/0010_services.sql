CREATE TABLE `ha_failovers` (
	`id` integer PRIMARY KEY NOT NULL,
	`service` text NOT NULL,
	`slot` integer NOT NULL,
	`generation` integer NOT NULL,
	`from_runner` text NOT NULL,
	`to_runner` text NOT NULL,
	`offline_at` integer NOT NULL,
	`due_at` integer NOT NULL,
	`moved_at` integer NOT NULL,
	`healthy_at` integer
);
--> statement-breakpoint
CREATE INDEX `ha_failovers_generation` ON `ha_failovers` (`generation`);--> statement-breakpoint
CREATE TABLE `ha_settings` (
	`id` integer PRIMARY KEY NOT NULL,
	`enabled` integer NOT NULL,
	`system_replicas` integer NOT NULL,
	`failover_seconds` integer NOT NULL,
	`revision` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `ha_update_steps` (
	`update_id` text NOT NULL,
	`position` integer NOT NULL,
	`node_id` integer NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`detail` text NOT NULL,
	`drained` integer NOT NULL,
	`state_at` integer NOT NULL,
	PRIMARY KEY(`update_id`, `position`),
	FOREIGN KEY (`update_id`) REFERENCES `ha_updates`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `ha_update_steps_node` ON `ha_update_steps` (`node_id`);--> statement-breakpoint
CREATE TABLE `ha_updates` (
	`id` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`detail` text NOT NULL,
	`started_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer
);
--> statement-breakpoint
CREATE TABLE `autoscale_decisions` (
	`id` integer PRIMARY KEY NOT NULL,
	`service` text NOT NULL,
	`at` integer NOT NULL,
	`from_replicas` integer NOT NULL,
	`to_replicas` integer NOT NULL,
	`metric` text NOT NULL,
	`value` real,
	`target` real NOT NULL,
	`reason` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `autoscale_decisions_service` ON `autoscale_decisions` (`service`,`id`);--> statement-breakpoint
CREATE TABLE `replica_generations` (
	`id` integer PRIMARY KEY NOT NULL,
	`last` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `service_replicas` (
	`service` text NOT NULL,
	`slot` integer NOT NULL,
	`generation` integer NOT NULL,
	`runner_id` text,
	`revision` integer NOT NULL,
	`want` text NOT NULL,
	`restart` integer NOT NULL,
	`state` text NOT NULL,
	`reason` text NOT NULL,
	`ports` text NOT NULL,
	`restarts` integer NOT NULL,
	`n` integer NOT NULL,
	`placed_at` integer NOT NULL,
	`state_at` integer NOT NULL,
	PRIMARY KEY(`service`, `slot`)
);
--> statement-breakpoint
CREATE INDEX `service_replicas_runner` ON `service_replicas` (`runner_id`);--> statement-breakpoint
CREATE TABLE `service_revisions` (
	`service` text NOT NULL,
	`revision` integer NOT NULL,
	`spec` text NOT NULL,
	`failure` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`service`, `revision`)
);
--> statement-breakpoint
CREATE TABLE `services` (
	`name` text PRIMARY KEY NOT NULL,
	`revision` integer NOT NULL,
	`stable_revision` integer,
	`last_revision` integer NOT NULL,
	`replicas` integer NOT NULL,
	`system` integer NOT NULL,
	`autoscaling` text,
	`rollout` text NOT NULL,
	`rollout_detail` text NOT NULL,
	`rollout_at` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `runners` ADD `address` text DEFAULT '' NOT NULL;