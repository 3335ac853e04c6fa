-- What changed, in order: hosts ask for what is newer than what they have. A host's revision is the number of a change.
create table network_change (seq integer primary key autoincrement, scope text not null, port text not null);
--> statement-breakpoint
create index network_change_scope on network_change (scope, seq);
--> statement-breakpoint
-- Numbers go on where the hosts' own ended.
insert into network_change (seq, scope, port) select coalesce(max(revision), 0) + 1, '', '' from host;
--> statement-breakpoint
alter table host add column whole integer not null default 0;
