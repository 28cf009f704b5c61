CREATE TABLE `ca_rotation` (
	`id` integer PRIMARY KEY NOT NULL,
	`operation_id` text NOT NULL,
	`stage` text NOT NULL,
	`old_ca_cert` text NOT NULL,
	`new_ca_cert` text NOT NULL,
	`new_key_jwe` text,
	`turn_node` integer,
	`requested_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`stage_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `cluster_key_copies` (
	`node_id` integer PRIMARY KEY NOT NULL,
	`wrapped` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `node_keys` (
	`node_id` integer PRIMARY KEY NOT NULL,
	`cert_pem` text NOT NULL,
	`issuer` text NOT NULL,
	`trusts` text NOT NULL,
	`cluster_key_id` text NOT NULL,
	`reported_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `retired_session_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`jwe` text NOT NULL,
	`created_at` integer NOT NULL,
	`accepted_until` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `cluster_key` (
	`id` integer PRIMARY KEY NOT NULL,
	`key_id` text NOT NULL,
	`created_at` integer NOT NULL
);
