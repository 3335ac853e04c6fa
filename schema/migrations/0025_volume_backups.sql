create table volume_backup (
  id text primary key not null,
  project text not null,
  user text not null,
  volume text not null,
  snapshot text,
  name text,
  description text,
  size_gb integer not null,
  status text not null,
  fail_reason text,
  container text,
  zone text,
  parent text,
  metadata text not null,
  facts text not null,
  store text not null,
  objects integer not null default 0,
  stored integer not null default 0,
  manifest text,
  target text,
  data_at integer not null,
  created_at integer not null,
  updated_at integer not null
);
--> statement-breakpoint
create index volume_backup_project on volume_backup (project, created_at, id);
--> statement-breakpoint
create index volume_backup_created on volume_backup (created_at, id);
--> statement-breakpoint
create index volume_backup_volume on volume_backup (volume, data_at);
--> statement-breakpoint
create index volume_backup_parent on volume_backup (parent) where parent is not null;
--> statement-breakpoint
create index volume_backup_store on volume_backup (store);
--> statement-breakpoint
create index volume_backup_target on volume_backup (target) where target is not null;
--> statement-breakpoint
alter table discard add column objects integer;
