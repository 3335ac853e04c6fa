-- A statement that had to touch a row is followed by `insert into guard select KIND, changes()`.
-- Zero rows abort the whole batch with `guard:KIND`; otherwise nothing is kept.
CREATE TRIGGER guard_stale BEFORE INSERT ON guard WHEN new.kind = 'stale' BEGIN
  SELECT CASE WHEN new.rows = 0 THEN RAISE(ABORT, 'guard:stale') ELSE RAISE(IGNORE) END;
END;
--> statement-breakpoint
CREATE TRIGGER guard_quota BEFORE INSERT ON guard WHEN new.kind = 'quota' BEGIN
  SELECT CASE WHEN new.rows = 0 THEN RAISE(ABORT, 'guard:quota') ELSE RAISE(IGNORE) END;
END;
--> statement-breakpoint
CREATE TRIGGER guard_capacity BEFORE INSERT ON guard WHEN new.kind = 'capacity' BEGIN
  SELECT CASE WHEN new.rows = 0 THEN RAISE(ABORT, 'guard:capacity') ELSE RAISE(IGNORE) END;
END;
--> statement-breakpoint
CREATE TRIGGER guard_address BEFORE INSERT ON guard WHEN new.kind = 'address' BEGIN
  SELECT CASE WHEN new.rows = 0 THEN RAISE(ABORT, 'guard:address') ELSE RAISE(IGNORE) END;
END;
--> statement-breakpoint
CREATE TRIGGER guard_affinity BEFORE INSERT ON guard WHEN new.kind = 'affinity' BEGIN
  SELECT CASE WHEN new.rows = 0 THEN RAISE(ABORT, 'guard:affinity') ELSE RAISE(IGNORE) END;
END;
