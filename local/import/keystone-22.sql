BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "group" (
	id VARCHAR(64) NOT NULL, 
	domain_id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	description TEXT, 
	extra TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_group_name_domain_id UNIQUE (domain_id, name)
);
INSERT INTO "group" VALUES('336fb2b18e7f4c51b46dcaddce2aaf33','89bd1476928c402488ba2cbbded2dc3d','shift crew','','{}');
CREATE TABLE project (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	extra TEXT, 
	description TEXT, 
	enabled BOOLEAN, 
	domain_id VARCHAR(64) NOT NULL, 
	parent_id VARCHAR(64), 
	is_domain BOOLEAN DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_project_name_domain_id UNIQUE (domain_id, name), 
	CONSTRAINT project_domain_id_fkey FOREIGN KEY(domain_id) REFERENCES project (id), 
	CONSTRAINT project_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES project (id)
);
INSERT INTO project VALUES('<<keystone.domain.root>>','<<keystone.domain.root>>','{}','',0,'<<keystone.domain.root>>',NULL,1);
INSERT INTO project VALUES('default','Default','{}','The default domain',1,'<<keystone.domain.root>>',NULL,1);
INSERT INTO project VALUES('1a15c4111a8b42d5bf9b70d6629c08e6','admin','{}','Bootstrap project for initializing the cloud.',1,'default','default',0);
INSERT INTO project VALUES('89bd1476928c402488ba2cbbded2dc3d','Physics','{}','the "old" domain; it''s fine',1,'<<keystone.domain.root>>',NULL,1);
INSERT INTO project VALUES('ce022a535a924b9e8b125b26e767f6dd','lhc','{}',replace('ring\nand beam','\n',char(10)),1,'89bd1476928c402488ba2cbbded2dc3d','89bd1476928c402488ba2cbbded2dc3d',0);
INSERT INTO project VALUES('46950ff14d9f44049e547985dd7aa2f9','atlas','{}','',0,'89bd1476928c402488ba2cbbded2dc3d','ce022a535a924b9e8b125b26e767f6dd',0);
CREATE TABLE project_option (
	project_id VARCHAR(64) NOT NULL, 
	option_id VARCHAR(4) NOT NULL, 
	option_value TEXT, 
	PRIMARY KEY (project_id, option_id), 
	FOREIGN KEY(project_id) REFERENCES project (id) ON DELETE CASCADE
);
CREATE TABLE project_tag (
	project_id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	PRIMARY KEY (project_id, name), 
	UNIQUE (project_id, name), 
	FOREIGN KEY(project_id) REFERENCES project (id) ON DELETE CASCADE
);
INSERT INTO project_tag VALUES('ce022a535a924b9e8b125b26e767f6dd','blue');
INSERT INTO project_tag VALUES('ce022a535a924b9e8b125b26e767f6dd','green');
CREATE TABLE region (
	id VARCHAR(255) NOT NULL, 
	description VARCHAR(255) NOT NULL, 
	parent_region_id VARCHAR(255), 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO region VALUES('OldRegion','',NULL,'{}');
CREATE TABLE role (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	extra TEXT, 
	domain_id VARCHAR(64) DEFAULT '<<null>>' NOT NULL, 
	description VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_role_name_domain_id UNIQUE (name, domain_id)
);
INSERT INTO role VALUES('f2817928e9bb4d8191f5e88084d7db34','reader','{}','<<null>>',NULL);
INSERT INTO role VALUES('cd01bdff81e8406fa250c256c2c573b6','member','{}','<<null>>',NULL);
INSERT INTO role VALUES('b77c39cd73d44e0a83bc429e32b4644e','admin','{}','<<null>>',NULL);
INSERT INTO role VALUES('deaa14671adb4c68b910875be5166627','shifter','{}','<<null>>',NULL);
CREATE TABLE role_option (
	role_id VARCHAR(64) NOT NULL, 
	option_id VARCHAR(4) NOT NULL, 
	option_value TEXT, 
	PRIMARY KEY (role_id, option_id), 
	FOREIGN KEY(role_id) REFERENCES role (id) ON DELETE CASCADE
);
INSERT INTO role_option VALUES('f2817928e9bb4d8191f5e88084d7db34','IMMU','true');
INSERT INTO role_option VALUES('cd01bdff81e8406fa250c256c2c573b6','IMMU','true');
INSERT INTO role_option VALUES('b77c39cd73d44e0a83bc429e32b4644e','IMMU','true');
CREATE TABLE service (
	id VARCHAR(64) NOT NULL, 
	type VARCHAR(255), 
	enabled BOOLEAN DEFAULT '1' NOT NULL, 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO service VALUES('8b08b23c45e54f9ca913c42d07066486','identity',1,'{"name": "keystone"}');
INSERT INTO service VALUES('d6050c96eb764424b1b72fe647e748c3','compute',1,'{"name": "nova"}');
CREATE TABLE system_assignment (
	type VARCHAR(64) NOT NULL, 
	actor_id VARCHAR(64) NOT NULL, 
	target_id VARCHAR(64) NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	inherited BOOLEAN NOT NULL, 
	PRIMARY KEY (type, actor_id, target_id, role_id, inherited)
);
INSERT INTO system_assignment VALUES('UserSystem','0347b8716f054138b5c6c850b15de64b','system','b77c39cd73d44e0a83bc429e32b4644e',0);
INSERT INTO system_assignment VALUES('UserSystem','da681295977c4389b959950133ecf65e','system','f2817928e9bb4d8191f5e88084d7db34',0);
CREATE TABLE user (
	id VARCHAR(64) NOT NULL, 
	extra TEXT, 
	enabled BOOLEAN, 
	default_project_id VARCHAR(64), 
	created_at DATETIME, 
	last_active_at DATE, 
	domain_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_user_id_domain_id UNIQUE (id, domain_id)
);
INSERT INTO user VALUES('0347b8716f054138b5c6c850b15de64b','{}',1,NULL,'2026-11-21 22:25:41.746267',NULL,'default');
INSERT INTO user VALUES('da681295977c4389b959950133ecf65e','{"email": "niels@old.test"}',1,NULL,'2026-11-21 22:25:42.457584',NULL,'89bd1476928c402488ba2cbbded2dc3d');
INSERT INTO user VALUES('5233449894ed4ac4888985fdb32db300','{"email": "lise@old.test"}',1,NULL,'2026-11-21 22:25:43.081348',NULL,'89bd1476928c402488ba2cbbded2dc3d');
INSERT INTO user VALUES('7b0634edb2e24fdc92a929d948ca9eff','{"email": "emmy@old.test"}',1,NULL,'2026-11-21 22:25:43.157849',NULL,'89bd1476928c402488ba2cbbded2dc3d');
INSERT INTO user VALUES('3ef83f37da9641f9a48c7f7d80922c9e','{}',0,NULL,'2026-11-21 22:25:43.237010',NULL,'89bd1476928c402488ba2cbbded2dc3d');
CREATE TABLE user_group_membership (
	user_id VARCHAR(64) NOT NULL, 
	group_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (user_id, group_id), 
	CONSTRAINT fk_user_group_membership_user_id FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT fk_user_group_membership_group_id FOREIGN KEY(group_id) REFERENCES "group" (id)
);
INSERT INTO user_group_membership VALUES('5233449894ed4ac4888985fdb32db300','336fb2b18e7f4c51b46dcaddce2aaf33');
CREATE TABLE user_option (
	user_id VARCHAR(64) NOT NULL, 
	option_id VARCHAR(4) NOT NULL, 
	option_value TEXT, 
	PRIMARY KEY (user_id, option_id), 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO user_option VALUES('da681295977c4389b959950133ecf65e','1001','true');
CREATE TABLE endpoint (
	id VARCHAR(64) NOT NULL, 
	legacy_endpoint_id VARCHAR(64), 
	interface VARCHAR(8) NOT NULL, 
	service_id VARCHAR(64) NOT NULL, 
	url TEXT NOT NULL, 
	extra TEXT, 
	enabled BOOLEAN DEFAULT '1' NOT NULL, 
	region_id VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT endpoint_service_id_fkey FOREIGN KEY(service_id) REFERENCES service (id), 
	CONSTRAINT fk_endpoint_region_id FOREIGN KEY(region_id) REFERENCES region (id)
);
INSERT INTO endpoint VALUES('ec2eb20e552f44748c6e6bba67265997',NULL,'public','8b08b23c45e54f9ca913c42d07066486','http://old.test:5000/v3','{}',1,'OldRegion');
INSERT INTO endpoint VALUES('5ba8cd8aa3994f448e6b75a68a54a2fe',NULL,'public','d6050c96eb764424b1b72fe647e748c3','http://old.test:8774/v2.1','{}',1,'OldRegion');
CREATE TABLE implied_role (
	prior_role_id VARCHAR(64) NOT NULL, 
	implied_role_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (prior_role_id, implied_role_id), 
	CONSTRAINT implied_role_prior_role_id_fkey FOREIGN KEY(prior_role_id) REFERENCES role (id) ON DELETE CASCADE, 
	CONSTRAINT implied_role_implied_role_id_fkey FOREIGN KEY(implied_role_id) REFERENCES role (id) ON DELETE CASCADE
);
INSERT INTO implied_role VALUES('cd01bdff81e8406fa250c256c2c573b6','f2817928e9bb4d8191f5e88084d7db34');
INSERT INTO implied_role VALUES('b77c39cd73d44e0a83bc429e32b4644e','cd01bdff81e8406fa250c256c2c573b6');
INSERT INTO implied_role VALUES('deaa14671adb4c68b910875be5166627','f2817928e9bb4d8191f5e88084d7db34');
CREATE TABLE local_user (
	id INTEGER NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	domain_id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	failed_auth_count INTEGER, 
	failed_auth_at DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT local_user_user_id_fkey FOREIGN KEY(user_id, domain_id) REFERENCES user (id, domain_id) ON DELETE CASCADE ON UPDATE CASCADE, 
	UNIQUE (domain_id, name), 
	UNIQUE (user_id)
);
INSERT INTO local_user VALUES(1,'0347b8716f054138b5c6c850b15de64b','default','admin',0,NULL);
INSERT INTO local_user VALUES(2,'da681295977c4389b959950133ecf65e','89bd1476928c402488ba2cbbded2dc3d','niels',0,NULL);
INSERT INTO local_user VALUES(3,'5233449894ed4ac4888985fdb32db300','89bd1476928c402488ba2cbbded2dc3d','lise',0,NULL);
INSERT INTO local_user VALUES(4,'7b0634edb2e24fdc92a929d948ca9eff','89bd1476928c402488ba2cbbded2dc3d','emmy',0,NULL);
INSERT INTO local_user VALUES(5,'3ef83f37da9641f9a48c7f7d80922c9e','89bd1476928c402488ba2cbbded2dc3d','gone',NULL,NULL);
CREATE TABLE nonlocal_user (
	domain_id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (domain_id, name), 
	CONSTRAINT nonlocal_user_user_id_fkey FOREIGN KEY(user_id, domain_id) REFERENCES user (id, domain_id) ON DELETE CASCADE ON UPDATE CASCADE, 
	CONSTRAINT ixu_nonlocal_user_user_id UNIQUE (user_id)
);
CREATE TABLE password (
	id INTEGER NOT NULL, 
	local_user_id INTEGER NOT NULL, 
	expires_at DATETIME, 
	self_service BOOLEAN DEFAULT '0' NOT NULL, 
	password_hash VARCHAR(255), 
	created_at_int BIGINT DEFAULT '0' NOT NULL, 
	expires_at_int BIGINT, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(local_user_id) REFERENCES local_user (id) ON DELETE CASCADE
);
INSERT INTO password VALUES(1,1,NULL,0,'$2b$10$.RCeSqONelJPHrOT4VW58ucDjeF4.aTo38KF5qpeRgUwJygzmGyHS',1795299941597751,NULL,'2026-11-21 22:25:41.597751');
INSERT INTO password VALUES(2,2,NULL,0,'$2b$10$K9TvDtFbbc56GJ.pPovKcuCVqiFI1GnnffPA6y.zCG64UfyUJHzEO',1795299942317145,NULL,'2026-11-21 22:25:42.317145');
INSERT INTO password VALUES(3,3,NULL,0,'$scrypt$ln=16,r=8,p=1$h9BaK0UIgVAKgRDiPIeQcg$bsnP1bLUZpRr0czZd02EiYQB4OD1tUx+LRXcn+pUPhs',1795299942577575,NULL,'2026-11-21 22:25:42.577575');
INSERT INTO password VALUES(4,4,NULL,0,'$pbkdf2-sha512$20000$NaaUMiakNEYoxbiXMkaotQ$piv5yj/uGdKEsaI2HW/1PAB5q7rssflDJXnVmFp6XXMFxQWZ8Nc3SKdq3.AVDSpUGYec4/LgJaFef5kPg5RT/Q',1795299943129481,NULL,'2026-11-21 22:25:43.129481');
INSERT INTO password VALUES(5,5,NULL,0,'$pbkdf2-sha512$20000$rzUmJGRszRljrHWO0ZqTsg$3SEVCJi56feMiestUFndkBgxz0LW/8pXfJzDF2i66vCTC8eOzmkCyTz8p9q/siFMBGBfBarBn8bAq83g5cCgXw',1795299943207311,NULL,'2026-11-21 22:25:43.207311');
CREATE TABLE IF NOT EXISTS "assignment" (
	type VARCHAR(12) NOT NULL, 
	actor_id VARCHAR(64) NOT NULL, 
	target_id VARCHAR(64) NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	inherited BOOLEAN NOT NULL, 
	PRIMARY KEY (type, actor_id, target_id, role_id, inherited), 
	CONSTRAINT fk_assignment_role_id FOREIGN KEY(role_id) REFERENCES role (id)
);
INSERT INTO assignment VALUES('UserProject','0347b8716f054138b5c6c850b15de64b','1a15c4111a8b42d5bf9b70d6629c08e6','b77c39cd73d44e0a83bc429e32b4644e',0);
INSERT INTO assignment VALUES('UserProject','da681295977c4389b959950133ecf65e','ce022a535a924b9e8b125b26e767f6dd','cd01bdff81e8406fa250c256c2c573b6',0);
INSERT INTO assignment VALUES('GroupProject','336fb2b18e7f4c51b46dcaddce2aaf33','ce022a535a924b9e8b125b26e767f6dd','deaa14671adb4c68b910875be5166627',0);
INSERT INTO assignment VALUES('UserDomain','da681295977c4389b959950133ecf65e','89bd1476928c402488ba2cbbded2dc3d','b77c39cd73d44e0a83bc429e32b4644e',0);
INSERT INTO assignment VALUES('UserDomain','7b0634edb2e24fdc92a929d948ca9eff','89bd1476928c402488ba2cbbded2dc3d','f2817928e9bb4d8191f5e88084d7db34',1);
CREATE TABLE credential (
	id VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64), 
	type VARCHAR(255) NOT NULL, 
	extra TEXT, 
	key_hash VARCHAR(64) NOT NULL, 
	encrypted_blob TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO credential VALUES('ddab4b3cdf337e2e34dead799345698586fae765b8c705cef5da8b4fb509bd66','da681295977c4389b959950133ecf65e','ce022a535a924b9e8b125b26e767f6dd','ec2','{}','35e3bbf9261d562486ce87cec758ee0e03293c36','gAAAAABrAj4EDuOwbNrHfkf2YJmtKZr0tmaRt7zF3vtDGGZX8cfeu1YVIgaRdgfh8hrp9w7nFHATcVWfcPuYSq5TdrCfff-86wZG5pGv06pbhKFyGHbbQyno2NFCz7YE7kHOyERb9O1-');
INSERT INTO credential VALUES('0c7c0c3f9d0a4a9b8f4e5d6c7b8a9f00','da681295977c4389b959950133ecf65e',NULL,'totp','{}','35e3bbf9261d562486ce87cec758ee0e03293c36','gAAAAABrAj4EG0-nlxqwD7DsTli0geKdmtn6V5L1P3xSljXjniGRoQ5W-CaYedHn7FMH7cGRC1zscquCEtlo5kQjGWOL6R5L_9SK-U7Jd4Z-9rrTnVpRvGAWN38Rkb1YTac2kASFN2_y');
CREATE TABLE application_credential (
	internal_id INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_hash VARCHAR(255) NOT NULL, 
	description TEXT, 
	user_id VARCHAR(64), 
	project_id VARCHAR(64), 
	expires_at BIGINT, 
	unrestricted BOOLEAN, 
	system VARCHAR(64), 
	PRIMARY KEY (internal_id), 
	CONSTRAINT duplicate_app_cred_constraint UNIQUE (user_id, name)
);
INSERT INTO application_credential VALUES(1,'5f1c7c3a2e9b4d0f8a6b1c2d3e4f5a6b','robot','$2b$12$jBNokRGhtmgYGkur7ccEIOV.Muw0uCN2Rsi.3SylIThcI3ldRqSHS','for the night','da681295977c4389b959950133ecf65e','ce022a535a924b9e8b125b26e767f6dd',NULL,0,NULL);
CREATE TABLE application_credential_role (
	application_credential_id INTEGER NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (application_credential_id, role_id)
);
INSERT INTO application_credential_role VALUES(1,'cd01bdff81e8406fa250c256c2c573b6');
CREATE TABLE access_rule (
	id INTEGER NOT NULL, 
	service VARCHAR(64), 
	path VARCHAR(128), 
	method VARCHAR(16), 
	external_id VARCHAR(64), 
	user_id VARCHAR(64), 
	PRIMARY KEY (id)
);
INSERT INTO access_rule VALUES(1,'identity','/v3/auth/catalog','GET','9a8b7c6d5e4f40312213203f4e5d6c7b','da681295977c4389b959950133ecf65e');
CREATE TABLE application_credential_access_rule (
	application_credential_id INTEGER NOT NULL, 
	access_rule_id INTEGER NOT NULL, 
	PRIMARY KEY (application_credential_id, access_rule_id)
);
INSERT INTO application_credential_access_rule VALUES(1,1);
COMMIT;
