-- A membership knows the host of its port.
create trigger member_added after insert on port_security_group begin
  update port_security_group set host = (select host from port where id = new.port) where port = new.port and security_group = new.security_group;
end;
--> statement-breakpoint
create trigger port_moved after update of host on port when old.host is not new.host begin
  update port_security_group set host = new.host where port = new.id;
end;
