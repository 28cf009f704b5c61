DROP INDEX `jobs_state`;--> statement-breakpoint
DROP INDEX `jobs_runner`;--> statement-breakpoint
DROP INDEX `jobs_ended`;--> statement-breakpoint
DROP INDEX `jobs_schedule`;--> statement-breakpoint
CREATE INDEX `jobs_open` ON `jobs` (`state`,`labels`,`rank`,`id`) WHERE "jobs"."finished_at" is null;--> statement-breakpoint
CREATE INDEX `jobs_runner` ON `jobs` (`runner_id`) WHERE "jobs"."runner_id" is not null;--> statement-breakpoint
CREATE INDEX `jobs_ended` ON `jobs` (`state`,`finished_at`,`id`) WHERE "jobs"."finished_at" is not null;--> statement-breakpoint
CREATE INDEX `jobs_schedule` ON `jobs` (`schedule_id`,`state`) WHERE "jobs"."schedule_id" is not null;