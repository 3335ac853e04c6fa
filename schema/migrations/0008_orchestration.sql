-- Sagas whose steps are a graph: nodes in rows of their own.
alter table saga add column unfinished integer;
--> statement-breakpoint
create index saga_graph on saga (updated_at) where unfinished is not null and state in ('open','unwinding');
--> statement-breakpoint
create table saga_node (
	saga text not null, key text not null, kind text not null, args text not null, state text not null, waits integer not null, next text not null,
	lane text, run_at integer not null, generation integer not null, why text,
	primary key (saga, key)
) without rowid;
--> statement-breakpoint
create index saga_node_due on saga_node (saga, state, run_at);
--> statement-breakpoint
create index saga_node_lane on saga_node (lane) where state = 'parked' and lane is not null;
--> statement-breakpoint
create table software_config (
	id text primary key not null,
	project text not null,
	name text not null,
	config_group text not null,
	config text not null,
	inputs text not null,
	outputs text not null,
	options text not null,
	created_at integer not null
);
--> statement-breakpoint
create index software_config_list on software_config (project,created_at,id);
--> statement-breakpoint
create table software_deployment (
	id text primary key not null,
	project text not null,
	server text not null,
	config text not null,
	action text not null,
	status text not null,
	reason text,
	input_values text not null,
	output_values text,
	created_at integer not null,
	updated_at integer
);
--> statement-breakpoint
create index software_deployment_list on software_deployment (project,created_at,id);
--> statement-breakpoint
create index software_deployment_server on software_deployment (server,created_at);
--> statement-breakpoint
create index software_deployment_config on software_deployment (config);
--> statement-breakpoint
create table stack (
	id text primary key not null,
	name text not null,
	project text not null,
	user text not null,
	user_name text not null,
	front text not null,
	owner text,
	owner_resource text,
	root text not null,
	depth integer default 0 not null,
	template text,
	previous text,
	action text not null,
	status text not null,
	reason text not null,
	origin text,
	cleaning integer default false not null,
	description text default '' not null,
	parameters text default '{}' not null,
	outputs text default '[]' not null,
	tags text default '[]' not null,
	on_failure text not null,
	timeout integer,
	protected integer default false not null,
	stack_policy text,
	delegation text not null,
	token text,
	extra text default '{}' not null,
	created_at integer not null,
	updated_at integer,
	deleted_at integer,
	generation integer default 0 not null
);
--> statement-breakpoint
create unique index stack_name on stack (project,name) where deleted_at is null;
--> statement-breakpoint
create index stack_list on stack (project,created_at,id);
--> statement-breakpoint
create index stack_owner on stack (owner);
--> statement-breakpoint
create index stack_all on stack (created_at,id);
--> statement-breakpoint
create index stack_gone on stack (deleted_at) where deleted_at is not null;
--> statement-breakpoint
create table stack_event (
	seq integer primary key AUTOINCREMENT not null,
	id text not null,
	stack text not null,
	name text not null,
	physical_id text,
	action text not null,
	status text not null,
	reason text default '' not null,
	type text not null,
	token text,
	at integer not null
);
--> statement-breakpoint
create index stack_event_stack on stack_event (stack,seq);
--> statement-breakpoint
create unique index stack_event_id on stack_event (id);
--> statement-breakpoint
create table stack_resource (
	id text primary key not null,
	stack text not null,
	name text not null,
	type text not null,
	physical_id text,
	action text not null,
	status text not null,
	reason text default '' not null,
	current integer default true not null,
	replaces text,
	properties text not null,
	metadata text default '{}' not null,
	data text default '{}' not null,
	attributes text default '{}' not null,
	requires text default '[]' not null,
	deletion_policy text default 'Delete' not null,
	replace_policy text,
	template text,
	hook text,
	created_at integer not null,
	updated_at integer not null
);
--> statement-breakpoint
create unique index stack_resource_current on stack_resource (stack,name) where current = 1;
--> statement-breakpoint
create index stack_resource_stack on stack_resource (stack,name);
--> statement-breakpoint
create index stack_resource_physical on stack_resource (physical_id);
--> statement-breakpoint
create table stack_snapshot (
	id text primary key not null,
	stack text not null,
	name text not null,
	status text not null,
	reason text not null,
	template text not null,
	data text default '{}' not null,
	created_at integer not null
);
--> statement-breakpoint
create index stack_snapshot_stack on stack_snapshot (stack);
--> statement-breakpoint
create table stack_template (
	id text primary key not null,
	stack text not null,
	body text not null,
	files text not null,
	environment text not null,
	given text not null,
	created_at integer not null
);
--> statement-breakpoint
create index stack_template_stack on stack_template (stack);
