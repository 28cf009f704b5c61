CREATE TABLE `retention` (
	`id` integer PRIMARY KEY NOT NULL,
	`events` integer NOT NULL,
	`audit` integer NOT NULL
);
