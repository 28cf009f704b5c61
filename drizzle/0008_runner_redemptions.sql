CREATE TABLE `runner_redemptions` (
	`token_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`runner_name` text NOT NULL,
	`address` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`token_id`, `runner_id`),
	FOREIGN KEY (`token_id`) REFERENCES `join_tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
