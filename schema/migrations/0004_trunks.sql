-- A sub-port is where its trunk's own port is, and free again when it leaves the trunk.
create trigger sub_port_added after insert on sub_port begin
  update port set device_owner = 'trunk:subport', device = new.trunk, status = 'DOWN', binding_host = '',
    host = (select p.host from trunk t join port p on p.id = t.port where t.id = new.trunk) where id = new.port;
end;
--> statement-breakpoint
create trigger sub_port_removed after delete on sub_port begin
  update port set device_owner = '', device = '', host = null, status = 'DOWN' where id = old.port and device_owner = 'trunk:subport';
end;
--> statement-breakpoint
create trigger trunk_moved after update of host on port when old.host is not new.host begin
  update port set host = new.host, status = 'DOWN' where id in (select s.port from sub_port s join trunk t on t.id = s.trunk where t.port = new.id);
end;
