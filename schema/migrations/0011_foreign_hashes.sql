CREATE TABLE `foreign_hash` (
	`kind` text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE INDEX `user_foreign_hash` ON `user` (`password`) WHERE substr(password, 1, 22) <> '$scrypt$ln=14,r=8,p=1$';
--> statement-breakpoint
INSERT INTO foreign_hash (kind) SELECT DISTINCT CASE WHEN password LIKE '$2%' THEN substr(password, 1, 7) WHEN password LIKE '$pbkdf2-sha512$%' THEN substr(password, 1, 15 + instr(substr(password, 16), '$')) ELSE substr(password, 1, 8 + instr(substr(password, 9), '$')) END
	FROM user WHERE substr(password, 1, 22) <> '$scrypt$ln=14,r=8,p=1$' AND (password LIKE '$2%' OR password LIKE '$pbkdf2-sha512$%' OR password LIKE '$scrypt$%');
