CREATE TABLE `connector_lease` (
	`id` integer PRIMARY KEY NOT NULL,
	`generation` integer NOT NULL,
	`holder` integer,
	`session` text NOT NULL,
	`settled` integer NOT NULL,
	`reason` text NOT NULL,
	`preferred` integer,
	`changed_at` integer NOT NULL,
	`connected_at` integer
);
--> statement-breakpoint
CREATE TABLE `connector_settings` (
	`id` integer PRIMARY KEY NOT NULL,
	`enabled` integer NOT NULL,
	`url` text NOT NULL,
	`ha_enabled` integer NOT NULL,
	`role` text NOT NULL,
	`ca_cert` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `connector_takeovers` (
	`generation` integer PRIMARY KEY NOT NULL,
	`node_id` integer NOT NULL,
	`from_node_id` integer,
	`reason` text NOT NULL,
	`claimed_at` integer NOT NULL,
	`connected_at` integer,
	`gap_ms` integer,
	`ended_at` integer
);
