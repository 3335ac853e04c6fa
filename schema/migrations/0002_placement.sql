-- What a provider has in use follows from its allocations, in the statement that changes them.
create trigger allocation_added after insert on allocation begin
  insert into provider_usage (provider, class, used) values (new.provider, new.class, new.used)
    on conflict (provider, class) do update set used = used + excluded.used;
end;
--> statement-breakpoint
create trigger allocation_removed after delete on allocation begin
  update provider_usage set used = used - old.used where provider = old.provider and class = old.class;
end;
--> statement-breakpoint
create trigger allocation_changed after update of used on allocation begin
  update provider_usage set used = used + new.used - old.used where provider = new.provider and class = new.class;
end;
--> statement-breakpoint
-- Every host is a provider; its inventory follows from what it reports and what the operator says about it.
create trigger host_provider after insert on host begin
  insert into provider (id, name, root, generation, created_at, updated_at) values (new.id, new.name, new.id, 1, new.created_at, new.created_at);
  insert into inventory (provider, class, total, reserved, max_unit, ratio) values
    (new.id, 'VCPU', new.vcpus, 0, max(new.vcpus, 1), new.cpu_ratio),
    (new.id, 'MEMORY_MB', new.memory_mb, min(new.reserved_memory_mb, new.memory_mb), max(new.memory_mb, 1), new.memory_ratio),
    (new.id, 'DISK_GB', new.disk_gb, 0, max(new.disk_gb, 1), new.disk_ratio);
end;
--> statement-breakpoint
create trigger host_inventory after update of vcpus, memory_mb, disk_gb, cpu_ratio, memory_ratio, disk_ratio, reserved_memory_mb on host
when (new.vcpus, new.memory_mb, new.disk_gb, new.cpu_ratio, new.memory_ratio, new.disk_ratio, new.reserved_memory_mb)
  is not (old.vcpus, old.memory_mb, old.disk_gb, old.cpu_ratio, old.memory_ratio, old.disk_ratio, old.reserved_memory_mb) begin
  -- The largest unit grows and shrinks with the host unless an operator has set another.
  update inventory set total = new.vcpus, max_unit = case when max_unit = max(old.vcpus, 1) then max(new.vcpus, 1) else max_unit end, ratio = new.cpu_ratio where provider = new.id and class = 'VCPU';
  update inventory set total = new.memory_mb, max_unit = case when max_unit = max(old.memory_mb, 1) then max(new.memory_mb, 1) else max_unit end, ratio = new.memory_ratio,
    reserved = min(new.reserved_memory_mb, new.memory_mb) where provider = new.id and class = 'MEMORY_MB';
  update inventory set total = new.disk_gb, max_unit = case when max_unit = max(old.disk_gb, 1) then max(new.disk_gb, 1) else max_unit end, ratio = new.disk_ratio where provider = new.id and class = 'DISK_GB';
  update provider set generation = generation + 1, updated_at = new.updated_at where id = new.id;
end;
--> statement-breakpoint
-- A host is the root of its tree; with it goes what is nested under it, and what anybody but a server held there.
create trigger host_removed after delete on host begin
  delete from placement_consumer where id in (select a.consumer from allocation a join provider p on p.id = a.provider where p.root = old.id)
    and not exists (select 1 from allocation a join provider p on p.id = a.provider where a.consumer = placement_consumer.id and p.root <> old.id);
  delete from allocation where provider in (select id from provider where root = old.id);
  delete from provider_usage where provider in (select id from provider where root = old.id);
  delete from inventory where provider in (select id from provider where root = old.id);
  delete from provider_trait where provider in (select id from provider where root = old.id);
  delete from provider_aggregate where provider in (select id from provider where root = old.id);
  delete from provider where root = old.id;
end;
