CREATE TABLE access_token (
	id VARCHAR(64) NOT NULL, 
	access_secret VARCHAR(64) NOT NULL, 
	authorizing_user_id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	role_ids TEXT NOT NULL, 
	consumer_id VARCHAR(64) NOT NULL, 
	expires_at VARCHAR(64), 
	PRIMARY KEY (id), 
	FOREIGN KEY(consumer_id) REFERENCES consumer (id)
);
INSERT INTO access_token VALUES('3b0e81f5aed945f69885fa8d37b1d54b','1656ed59535a4effa9b38ab903463d0c','7f3627972d12489abd59cae7d15dfdd5','83878c91171338902e0fe0fb97a8c47a','["d0820dda4d674432a0cb8244cff38197"]','1005b14bd29466723ace30d26f602f5b',NULL);
CREATE TABLE IF NOT EXISTS "assignment" (
	type VARCHAR(12) NOT NULL, 
	actor_id VARCHAR(64) NOT NULL, 
	target_id VARCHAR(64) NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	inherited BOOLEAN NOT NULL, 
	PRIMARY KEY (type, actor_id, target_id, role_id, inherited), 
	CONSTRAINT fk_assignment_role_id FOREIGN KEY(role_id) REFERENCES role (id)
);
INSERT INTO assignment VALUES('UserProject','9159c36a2f0045d6804c503adeb13cdb','f06e5520c9f147c69459c67505bac354','fc01bf3b3127450ebb829421604a9e98',0);
INSERT INTO assignment VALUES('UserProject','7f3627972d12489abd59cae7d15dfdd5','83878c91171338902e0fe0fb97a8c47a','a52b945df81f43be9a13c30a397222b9',0);
INSERT INTO assignment VALUES('GroupProject','bc4339958cf447b889a6ffe25961469f','83878c91171338902e0fe0fb97a8c47a','d0820dda4d674432a0cb8244cff38197',0);
INSERT INTO assignment VALUES('UserProject','65d318c72fb8ad2177a67ea2cddd1ae2ad8b0dbb9341bc16297ea47349d27867','83878c91171338902e0fe0fb97a8c47a','a52b945df81f43be9a13c30a397222b9',0);
CREATE TABLE consumer (
	id VARCHAR(64) NOT NULL, 
	description VARCHAR(64), 
	secret VARCHAR(64) NOT NULL, 
	extra TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO consumer VALUES('1005b14bd29466723ace30d26f602f5b','a pipeline','7c41d4d251e24be0907288dfd269f5c7','{}');
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
INSERT INTO credential VALUES('7c7c74ef60d5950b8abb1ba20e964cdf','7f3627972d12489abd59cae7d15dfdd5','83878c91171338902e0fe0fb97a8c47a','cert','{}','de49f82911b9d304f1518e8855db8f9cab08b006','gAAAAABrAmtafKJuGQwNE02-TYsL5E0fm5KDGyYhT1482LjQam2p0BwDtNYvK0FsFbl_nftHjhw8OJLRq2uJWPAcTk6szQkH5g==');
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
INSERT INTO endpoint VALUES('34cbf9ac119441e08a6011d258a0fe8a',NULL,'public','cb2f56e609e442059d679fd81680779c','http://old.test/identity','{}',1,'OldRegion');
INSERT INTO endpoint VALUES('130a60252285483eb2b4922a9dd14833',NULL,'internal','cb2f56e609e442059d679fd81680779c','http://old.test/identity','{}',1,'OldRegion');
INSERT INTO endpoint VALUES('a5a3d17e8a6f4ed6b748a527a9cd30b3',NULL,'admin','cb2f56e609e442059d679fd81680779c','http://old.test/identity','{}',1,'OldRegion');
INSERT INTO endpoint VALUES('ad65d91ba5fc5f4494e00822c04e583b',NULL,'public','aaabf0d39951f3e6c3e8a7911df524c2','http://old.test/alchemy','{}',1,'OldRegion');
CREATE TABLE endpoint_group (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	description TEXT, 
	filters TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO endpoint_group VALUES('2a6a84e9e44441afbd75cc19ce28be37','public alchemy','for the lab','{"interface": "public", "service_id": "aaabf0d39951f3e6c3e8a7911df524c2"}');
CREATE TABLE expiring_user_group_membership (
	user_id VARCHAR(64) NOT NULL, 
	group_id VARCHAR(64) NOT NULL, 
	idp_id VARCHAR(64) NOT NULL, 
	last_verified DATETIME NOT NULL, 
	PRIMARY KEY (user_id, group_id, idp_id), 
	FOREIGN KEY(user_id) REFERENCES user (id), 
	FOREIGN KEY(group_id) REFERENCES "group" (id), 
	FOREIGN KEY(idp_id) REFERENCES identity_provider (id) ON DELETE CASCADE
);
INSERT INTO expiring_user_group_membership VALUES('65d318c72fb8ad2177a67ea2cddd1ae2ad8b0dbb9341bc16297ea47349d27867','bc4339958cf447b889a6ffe25961469f','uni','2026-11-22 04:11:06.002555');
CREATE TABLE federated_user (
	id INTEGER NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	idp_id VARCHAR(64) NOT NULL, 
	protocol_id VARCHAR(64) NOT NULL, 
	unique_id VARCHAR(255) NOT NULL, 
	display_name VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT federated_user_protocol_id_fkey FOREIGN KEY(protocol_id, idp_id) REFERENCES federation_protocol (id, idp_id) ON DELETE CASCADE, 
	UNIQUE (idp_id, protocol_id, unique_id), 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE, 
	FOREIGN KEY(idp_id) REFERENCES identity_provider (id) ON DELETE CASCADE
);
INSERT INTO federated_user VALUES(1,'65d318c72fb8ad2177a67ea2cddd1ae2ad8b0dbb9341bc16297ea47349d27867','uni','openid','ada%40uni.test','ada@uni.test');
CREATE TABLE federation_protocol (
	id VARCHAR(64) NOT NULL, 
	idp_id VARCHAR(64) NOT NULL, 
	mapping_id VARCHAR(64) NOT NULL, 
	remote_id_attribute VARCHAR(64), 
	PRIMARY KEY (id, idp_id), 
	FOREIGN KEY(idp_id) REFERENCES identity_provider (id) ON DELETE CASCADE
);
INSERT INTO federation_protocol VALUES('openid','uni','uni',NULL);
CREATE TABLE IF NOT EXISTS "group" (
	id VARCHAR(64) NOT NULL, 
	domain_id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	description TEXT, 
	extra TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_group_name_domain_id UNIQUE (domain_id, name)
);
INSERT INTO "group" VALUES('bc4339958cf447b889a6ffe25961469f','8277e0910d750195b448797616e091ad','crew','','{}');
CREATE TABLE identity_provider (
	id VARCHAR(64) NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	description TEXT, 
	domain_id VARCHAR(64) NOT NULL, 
	authorization_ttl INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO identity_provider VALUES('uni',1,'the university','5d682538daac4798818517657f8033ba',60);
CREATE TABLE idp_remote_ids (
	idp_id VARCHAR(64), 
	remote_id VARCHAR(255) NOT NULL, 
	PRIMARY KEY (remote_id), 
	FOREIGN KEY(idp_id) REFERENCES identity_provider (id) ON DELETE CASCADE
);
INSERT INTO idp_remote_ids VALUES('uni','https://idp.old.test');
CREATE TABLE implied_role (
	prior_role_id VARCHAR(64) NOT NULL, 
	implied_role_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (prior_role_id, implied_role_id), 
	CONSTRAINT implied_role_prior_role_id_fkey FOREIGN KEY(prior_role_id) REFERENCES role (id) ON DELETE CASCADE, 
	CONSTRAINT implied_role_implied_role_id_fkey FOREIGN KEY(implied_role_id) REFERENCES role (id) ON DELETE CASCADE
);
INSERT INTO implied_role VALUES('a52b945df81f43be9a13c30a397222b9','d0820dda4d674432a0cb8244cff38197');
INSERT INTO implied_role VALUES('fc01bf3b3127450ebb829421604a9e98','a52b945df81f43be9a13c30a397222b9');
CREATE TABLE IF NOT EXISTS "limit" (
	id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64), 
	resource_limit INTEGER NOT NULL, 
	description TEXT, 
	internal_id INTEGER NOT NULL, 
	registered_limit_id VARCHAR(64), 
	domain_id VARCHAR(64), 
	PRIMARY KEY (internal_id), 
	CONSTRAINT limit_id_key UNIQUE (id)
);
INSERT INTO "limit" VALUES('094e54444197788cb4991c49ad0a7c1f','83878c91171338902e0fe0fb97a8c47a',20,'more',1,'cb2f66a1f5e59c022b38e4c7053a7784',NULL);
INSERT INTO "limit" VALUES('9467b94af399cffee8f65f2e924f296d','83878c91171338902e0fe0fb97a8c47a',2,'more',2,'43e198d8dc29decfa4d04832a00b4a94',NULL);
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
INSERT INTO local_user VALUES(1,'9159c36a2f0045d6804c503adeb13cdb','default','admin',0,NULL);
INSERT INTO local_user VALUES(2,'7f3627972d12489abd59cae7d15dfdd5','8277e0910d750195b448797616e091ad','marie',0,NULL);
INSERT INTO local_user VALUES(3,'6bf31730a2ae44b8826b292524b6c19f','8277e0910d750195b448797616e091ad','irene',0,NULL);
CREATE TABLE mapping (
	id VARCHAR(64) NOT NULL, 
	rules TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO mapping VALUES('uni','"[{\"local\": [{\"user\": {\"name\": \"{0}\"}}], \"remote\": [{\"type\": \"OIDC-preferred_username\"}]}]"');
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
INSERT INTO password VALUES(1,1,NULL,0,'$2b$04$6.IgLL8d.5DvSmosJ5we4.Coue8NAXbYZqoDRP8UA8bw4nJzyD7pK',1795320663407526,NULL,'2026-11-22 04:11:03.407526');
INSERT INTO password VALUES(2,2,NULL,0,'$2b$04$wMeR.ytV9YcnpZHxgyqwf.Oj8YfQ.py.49ulqzeZUnqsZewoVGSC.',1795320664585695,NULL,'2026-11-22 04:11:04.585695');
INSERT INTO password VALUES(3,3,NULL,0,'$2b$04$YVMYIW34Mv4aGDGOudLlSOTZ0iQ9/XzCLhGEmjIv9i.m/4gVY89NO',1795320664629599,NULL,'2026-11-22 04:11:04.629599');
CREATE TABLE policy (
	id VARCHAR(64) NOT NULL, 
	type VARCHAR(255) NOT NULL, 
	blob TEXT NOT NULL, 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO policy VALUES('f4af8b5789576c000ce9105b25609bd6','application/json','{"a": "@"}','{}');
CREATE TABLE policy_association (
	id VARCHAR(64) NOT NULL, 
	policy_id VARCHAR(64) NOT NULL, 
	endpoint_id VARCHAR(64), 
	service_id VARCHAR(64), 
	region_id VARCHAR(64), 
	PRIMARY KEY (id), 
	UNIQUE (endpoint_id, service_id, region_id)
);
INSERT INTO policy_association VALUES('68783d387d184461bf488b0aa46e08f5','f4af8b5789576c000ce9105b25609bd6',NULL,'aaabf0d39951f3e6c3e8a7911df524c2',NULL);
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
INSERT INTO project VALUES('f06e5520c9f147c69459c67505bac354','admin','{}','Bootstrap project for initializing the cloud.',1,'default','default',0);
INSERT INTO project VALUES('8277e0910d750195b448797616e091ad','Chemistry','{}','',1,'<<keystone.domain.root>>',NULL,1);
INSERT INTO project VALUES('83878c91171338902e0fe0fb97a8c47a','lab','{}','',1,'8277e0910d750195b448797616e091ad','8277e0910d750195b448797616e091ad',0);
INSERT INTO project VALUES('5d682538daac4798818517657f8033ba','5d682538daac4798818517657f8033ba','{}','Auto generated federated domain for Identity Provider: uni',1,'<<keystone.domain.root>>',NULL,1);
CREATE TABLE project_endpoint (
	endpoint_id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (endpoint_id, project_id)
);
INSERT INTO project_endpoint VALUES('ad65d91ba5fc5f4494e00822c04e583b','83878c91171338902e0fe0fb97a8c47a');
CREATE TABLE project_endpoint_group (
	endpoint_group_id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (endpoint_group_id, project_id), 
	FOREIGN KEY(endpoint_group_id) REFERENCES endpoint_group (id)
);
INSERT INTO project_endpoint_group VALUES('2a6a84e9e44441afbd75cc19ce28be37','83878c91171338902e0fe0fb97a8c47a');
CREATE TABLE region (
	id VARCHAR(255) NOT NULL, 
	description VARCHAR(255) NOT NULL, 
	parent_region_id VARCHAR(255), 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO region VALUES('OldRegion','',NULL,'{}');
CREATE TABLE registered_limit (
	id VARCHAR(64) NOT NULL, 
	service_id VARCHAR(255), 
	region_id VARCHAR(64), 
	resource_name VARCHAR(255), 
	default_limit INTEGER NOT NULL, 
	description TEXT, 
	internal_id INTEGER NOT NULL, 
	PRIMARY KEY (internal_id), 
	CONSTRAINT registered_limit_id_key UNIQUE (id)
);
INSERT INTO registered_limit VALUES('cb2f66a1f5e59c022b38e4c7053a7784','cb2f56e609e442059d679fd81680779c',NULL,'users',10,NULL,1);
INSERT INTO registered_limit VALUES('43e198d8dc29decfa4d04832a00b4a94','aaabf0d39951f3e6c3e8a7911df524c2',NULL,'stones',1,NULL,2);
CREATE TABLE role (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	extra TEXT, 
	domain_id VARCHAR(64) DEFAULT '<<null>>' NOT NULL, 
	description VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT ixu_role_name_domain_id UNIQUE (name, domain_id)
);
INSERT INTO role VALUES('d0820dda4d674432a0cb8244cff38197','reader','{}','<<null>>',NULL);
INSERT INTO role VALUES('a52b945df81f43be9a13c30a397222b9','member','{}','<<null>>',NULL);
INSERT INTO role VALUES('fc01bf3b3127450ebb829421604a9e98','admin','{}','<<null>>',NULL);
CREATE TABLE role_option (
	role_id VARCHAR(64) NOT NULL, 
	option_id VARCHAR(4) NOT NULL, 
	option_value TEXT, 
	PRIMARY KEY (role_id, option_id), 
	FOREIGN KEY(role_id) REFERENCES role (id) ON DELETE CASCADE
);
INSERT INTO role_option VALUES('d0820dda4d674432a0cb8244cff38197','IMMU','true');
INSERT INTO role_option VALUES('a52b945df81f43be9a13c30a397222b9','IMMU','true');
INSERT INTO role_option VALUES('fc01bf3b3127450ebb829421604a9e98','IMMU','true');
CREATE TABLE sensitive_config (
	domain_id VARCHAR(64) NOT NULL, 
	"group" VARCHAR(255) NOT NULL, 
	option VARCHAR(255) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (domain_id, "group", option)
);
INSERT INTO sensitive_config VALUES('8277e0910d750195b448797616e091ad','ldap','password','"old-directory-secret"');
CREATE TABLE service (
	id VARCHAR(64) NOT NULL, 
	type VARCHAR(255), 
	enabled BOOLEAN DEFAULT '1' NOT NULL, 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO service VALUES('cb2f56e609e442059d679fd81680779c','identity',1,'{"name": "keystone"}');
INSERT INTO service VALUES('aaabf0d39951f3e6c3e8a7911df524c2','alchemy',1,'{"name": "philosopher"}');
CREATE TABLE service_provider (
	auth_url VARCHAR(256) NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	description TEXT, 
	sp_url VARCHAR(256) NOT NULL, 
	relay_state_prefix VARCHAR(256) DEFAULT 'ss:mem:' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO service_provider VALUES('https://sp.test/v3/OS-FEDERATION','elsewhere',1,NULL,'https://sp.test/Shibboleth.sso','ss:mem:');
CREATE TABLE system_assignment (
	type VARCHAR(64) NOT NULL, 
	actor_id VARCHAR(64) NOT NULL, 
	target_id VARCHAR(64) NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	inherited BOOLEAN NOT NULL, 
	PRIMARY KEY (type, actor_id, target_id, role_id, inherited)
);
INSERT INTO system_assignment VALUES('UserSystem','9159c36a2f0045d6804c503adeb13cdb','system','fc01bf3b3127450ebb829421604a9e98',0);
CREATE TABLE trust (
	id VARCHAR(64) NOT NULL, 
	trustor_user_id VARCHAR(64) NOT NULL, 
	trustee_user_id VARCHAR(64) NOT NULL, 
	project_id VARCHAR(64), 
	impersonation BOOLEAN NOT NULL, 
	deleted_at DATETIME, 
	expires_at DATETIME, 
	remaining_uses INTEGER, 
	extra TEXT, 
	expires_at_int BIGINT, 
	redelegated_trust_id VARCHAR(64), 
	redelegation_count INTEGER, 
	PRIMARY KEY (id), 
	CONSTRAINT duplicate_trust_constraint_expanded UNIQUE (trustor_user_id, trustee_user_id, project_id, impersonation, expires_at, expires_at_int)
);
INSERT INTO trust VALUES('eeeaea9366c4a3ee8ae10bffc661799e','7f3627972d12489abd59cae7d15dfdd5','6bf31730a2ae44b8826b292524b6c19f','83878c91171338902e0fe0fb97a8c47a',1,NULL,'2100-01-01 00:00:00.000000',NULL,'{"roles": [{"id": "a52b945df81f43be9a13c30a397222b9"}]}',4102444800000000,NULL,0);
INSERT INTO trust VALUES('50df2bdff9f379333f4068a3f648edb2','7f3627972d12489abd59cae7d15dfdd5','6bf31730a2ae44b8826b292524b6c19f','83878c91171338902e0fe0fb97a8c47a',0,NULL,NULL,3,'{"roles": [{"id": "d0820dda4d674432a0cb8244cff38197"}]}',NULL,NULL,0);
INSERT INTO trust VALUES('3b759a9ca80234563d87672350659b2b','7f3627972d12489abd59cae7d15dfdd5','6bf31730a2ae44b8826b292524b6c19f','83878c91171338902e0fe0fb97a8c47a',1,'2026-11-22 04:11:05.200963','2099-01-01 00:00:00.000000',NULL,'{"roles": [{"id": "a52b945df81f43be9a13c30a397222b9"}]}',4070908800000000,NULL,0);
INSERT INTO trust VALUES('ce395dc40f25fe74adc0198f82918152','7f3627972d12489abd59cae7d15dfdd5','9159c36a2f0045d6804c503adeb13cdb','83878c91171338902e0fe0fb97a8c47a',1,NULL,'2100-01-01 00:00:00.000000',NULL,'{"roles": [{"id": "a52b945df81f43be9a13c30a397222b9"}]}',4102444800000000,NULL,0);
CREATE TABLE trust_role (
	trust_id VARCHAR(64) NOT NULL, 
	role_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (trust_id, role_id)
);
INSERT INTO trust_role VALUES('eeeaea9366c4a3ee8ae10bffc661799e','a52b945df81f43be9a13c30a397222b9');
INSERT INTO trust_role VALUES('50df2bdff9f379333f4068a3f648edb2','d0820dda4d674432a0cb8244cff38197');
INSERT INTO trust_role VALUES('3b759a9ca80234563d87672350659b2b','a52b945df81f43be9a13c30a397222b9');
INSERT INTO trust_role VALUES('ce395dc40f25fe74adc0198f82918152','a52b945df81f43be9a13c30a397222b9');
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
INSERT INTO user VALUES('9159c36a2f0045d6804c503adeb13cdb','{}',1,NULL,'2026-11-22 04:11:03.500366',NULL,'default');
INSERT INTO user VALUES('7f3627972d12489abd59cae7d15dfdd5','{}',1,NULL,'2026-11-22 04:11:04.587083',NULL,'8277e0910d750195b448797616e091ad');
INSERT INTO user VALUES('6bf31730a2ae44b8826b292524b6c19f','{}',1,NULL,'2026-11-22 04:11:04.630840',NULL,'8277e0910d750195b448797616e091ad');
INSERT INTO user VALUES('65d318c72fb8ad2177a67ea2cddd1ae2ad8b0dbb9341bc16297ea47349d27867','{"email": "ada@uni.test"}',1,NULL,'2026-11-22 04:11:05.965866',NULL,'5d682538daac4798818517657f8033ba');
CREATE TABLE whitelisted_config (
	domain_id VARCHAR(64) NOT NULL, 
	"group" VARCHAR(255) NOT NULL, 
	option VARCHAR(255) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (domain_id, "group", option)
);
INSERT INTO whitelisted_config VALUES('8277e0910d750195b448797616e091ad','identity','driver','"sql"');
INSERT INTO whitelisted_config VALUES('8277e0910d750195b448797616e091ad','ldap','url','"ldaps://ldap.old.test"');
INSERT INTO whitelisted_config VALUES('8277e0910d750195b448797616e091ad','ldap','user','"cn=reader,dc=old"');
INSERT INTO whitelisted_config VALUES('8277e0910d750195b448797616e091ad','ldap','suffix','"dc=old"');
