CREATE TABLE `runner_redemptions` (
	`token_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`runner_name` text NOT NULL,
	`address` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`token_id`, `runner_id`),
	FOREIGN KEY (`token_id`) REFERENCES `join_tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `runners` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`node_id` integer,
	`key_pin` text,
	`labels` text NOT NULL,
	`capacity` integer NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`drained_at` integer,
	`status` text NOT NULL,
	`status_since` integer NOT NULL,
	`certificate_expires_at` integer,
	`joined_at` integer NOT NULL,
	`removed_at` integer
);
--> statement-breakpoint
CREATE INDEX `runners_key_pin` ON `runners` (`key_pin`);--> statement-breakpoint
CREATE TABLE `job_attempts` (
	`job_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`runner_id` text NOT NULL,
	`assigned_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer,
	`outcome` text NOT NULL,
	`exit_code` integer,
	`signal` text,
	`error` text NOT NULL,
	PRIMARY KEY(`job_id`, `attempt`),
	FOREIGN KEY (`job_id`) REFERENCES `jobs`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`spec` text NOT NULL,
	`state` text NOT NULL,
	`labels` text NOT NULL,
	`rank` integer NOT NULL,
	`max_attempts` integer NOT NULL,
	`backoff_ms` integer NOT NULL,
	`attempt` integer NOT NULL,
	`forgiven` integer NOT NULL,
	`runner_id` text,
	`not_before` integer NOT NULL,
	`cancel_requested` integer NOT NULL,
	`output_tail` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`finished_at` integer
);
--> statement-breakpoint
CREATE INDEX `jobs_state` ON `jobs` (`state`,`labels`,`rank`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_runner` ON `jobs` (`runner_id`);