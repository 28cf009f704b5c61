CREATE TABLE `job_schedules` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`enabled` integer NOT NULL,
	`cron` text NOT NULL,
	`time_zone` text NOT NULL,
	`spec` text NOT NULL,
	`priority` integer NOT NULL,
	`max_attempts` integer NOT NULL,
	`backoff_ms` integer NOT NULL,
	`overlap` text NOT NULL,
	`missed` text NOT NULL,
	`revision` integer NOT NULL,
	`done_until` integer NOT NULL,
	`last_due_at` integer,
	`last_job_id` text,
	`runs` integer NOT NULL,
	`skipped_runs` integer NOT NULL,
	`missed_runs` integer NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `job_schedules_name_unique` ON `job_schedules` (`name`);--> statement-breakpoint
CREATE TABLE `job_totals` (
	`id` integer PRIMARY KEY NOT NULL,
	`open` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `jobs` ADD `output_bytes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `schedule_id` text;--> statement-breakpoint
CREATE INDEX `jobs_ended` ON `jobs` (`state`,`finished_at`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_schedule` ON `jobs` (`schedule_id`,`state`);