CREATE TABLE `haproxy_balancers` (
	`name` text PRIMARY KEY NOT NULL,
	`report` text NOT NULL,
	`token_id` text,
	`reported_by` text NOT NULL,
	`reported_at` integer NOT NULL
);
