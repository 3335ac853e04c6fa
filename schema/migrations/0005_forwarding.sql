-- A floating address is at a router while it leads somewhere.
create trigger port_forwarding_removed after delete on port_forwarding begin
  update floating_ip set router = null, status = 'DOWN' where id = old.floating_ip and port is null
    and not exists (select 1 from port_forwarding f where f.floating_ip = old.floating_ip);
end;
