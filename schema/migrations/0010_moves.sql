-- Servers move between hosts.
alter table server add column other_host text;
--> statement-breakpoint
create table server_move (
  id integer primary key autoincrement not null, uuid text not null, server text not null, project text not null, user text, kind text not null, status text not null,
  source text not null, source_name text not null, target text not null, target_name text not null, target_address text, old_flavor text not null, new_flavor text not null, disks text not null,
  request_id text not null, created_at integer not null, updated_at integer not null
);
--> statement-breakpoint
create unique index server_move_uuid_unique on server_move (uuid);
--> statement-breakpoint
create index server_move_server on server_move (server, id);
--> statement-breakpoint
-- A guest that moves while it runs is connected on both hosts for a while.
alter table port add column arriving text;
--> statement-breakpoint
create index port_arriving on port (arriving) where arriving is not null;
--> statement-breakpoint
alter table host add column resume_guests integer not null default 1;
--> statement-breakpoint
alter table host add column draining integer not null default 0;
