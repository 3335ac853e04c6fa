delete from volume_transfer where accepted = 1;
