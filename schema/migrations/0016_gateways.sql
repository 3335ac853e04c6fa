-- Where a router was, until that host is known to have let go; and how often it was taken from one that said nothing.
alter table router add column from_host text;
--> statement-breakpoint
alter table router add column from_revision integer not null default 0;
--> statement-breakpoint
alter table router add column moved integer not null default 0;
--> statement-breakpoint
alter table host add column applied integer not null default 0;
--> statement-breakpoint
-- When a host that should have been heard was not.
alter table host add column missed_at integer;
