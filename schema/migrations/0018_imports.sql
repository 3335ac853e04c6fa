alter table stack_template add imports text;
