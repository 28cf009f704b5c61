DROP INDEX `jobs_open`;--> statement-breakpoint
CREATE INDEX `jobs_open` ON `jobs` (`state`,`labels`,`rank`,`id`,`not_before`) WHERE "jobs"."finished_at" is null;