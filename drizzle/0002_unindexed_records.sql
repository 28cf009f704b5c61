DROP INDEX `audit_actor`;--> statement-breakpoint
DROP INDEX `audit_action`;--> statement-breakpoint
DROP INDEX `events_type`;