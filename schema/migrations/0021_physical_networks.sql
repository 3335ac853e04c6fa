alter table host add column physical_networks text;
