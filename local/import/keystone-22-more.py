#!/usr/bin/python3
"""Makes keystone-22-more.sql: a Keystone of Debian's packages (python3-keystone, 2:22.0.2 in bookworm), filled by its own
managers with what people lend each other, federation, limits, endpoint groups and a domain's own directory.

    apt-get install keystone-common python3-keystone sqlite3
    /usr/bin/python3 local/import/keystone-22-more.py /tmp/somewhere > local/import/keystone-22-more.sql

Nothing listens: the managers are called in this process, over a SQLite file made by Keystone's own migrations.
"""
import datetime
import hashlib
import os
import subprocess
import sys

home = sys.argv[1]
os.makedirs(home, exist_ok=True)
db = os.path.join(home, 'keystone.db')
if os.path.exists(db):
    os.unlink(db)
with open(os.path.join(home, 'keystone.conf'), 'w') as f:
    f.write(f"""[database]
connection = sqlite:///{db}
[fernet_tokens]
key_repository = {home}/credential-keys
[fernet_receipts]
key_repository = {home}/credential-keys
[credential]
key_repository = {home}/credential-keys
[identity]
password_hash_rounds = 4
[oauth1]
access_token_duration = 0
""")
# The keys are the test's: they are known, so that the file need not be made anew with them.
os.makedirs(f'{home}/credential-keys', exist_ok=True)
with open(f'{home}/credential-keys/0', 'w') as f:
    f.write('AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=')

from keystone.common import sql  # noqa: E402
from keystone.common.sql import upgrades  # noqa: E402
from keystone.common import provider_api  # noqa: E402
import keystone.conf  # noqa: E402
from keystone.cmd import bootstrap  # noqa: E402

keystone.conf.configure()
keystone.conf.CONF(['--config-file', f'{home}/keystone.conf'], project='keystone')
sql.initialize()
upgrades.offline_sync_database_to_version()
P = provider_api.ProviderAPIs

b = bootstrap.Bootstrapper()
b.admin_password, b.admin_username, b.project_name, b.admin_role_name = 'old-admin-secret', 'admin', 'admin', 'admin'
b.service_name, b.immutable_roles = 'keystone', True
b.public_url = b.internal_url = b.admin_url = 'http://old.test/identity'
b.region_id = 'OldRegion'
b.bootstrap()


def word(text):
    """Ids that stay the same whenever this is run."""
    return hashlib.md5(text.encode()).hexdigest()


roles = {r['name']: r['id'] for r in P.role_api.list_roles()}
domain = P.resource_api.create_domain(word('d'), {'id': word('d'), 'name': 'Chemistry', 'enabled': True, 'description': ''})['id']
lab = P.resource_api.create_project(word('p'), {'id': word('p'), 'name': 'lab', 'domain_id': domain, 'parent_id': domain, 'enabled': True, 'description': '', 'is_domain': False})['id']
people = {}
for name in ('marie', 'irene'):
    people[name] = P.identity_api.create_user({'name': name, 'domain_id': domain, 'enabled': True, 'password': f'{name}-old-secret'})['id']
marie, irene = people['marie'], people['irene']
admin = next(u['id'] for u in P.identity_api.list_users() if u['name'] == 'admin')
P.assignment_api.add_role_to_user_and_project(marie, lab, roles['member'])
crew = P.identity_api.create_group({'name': 'crew', 'domain_id': domain, 'description': ''})['id']
P.assignment_api.create_grant(roles['reader'], group_id=crew, project_id=lab)

later = datetime.datetime(2100, 1, 1)


def lend(name, to, role, **more):
    t = {'id': word(name), 'trustor_user_id': marie, 'trustee_user_id': to, 'project_id': lab, 'impersonation': True, 'roles': [{'id': roles[role]}], 'expires_at': later, 'remaining_uses': None, 'redelegation_count': 0}
    t.update(more)
    return P.trust_api.create_trust(t['id'], t, t['roles'])['id']


lend('standing', irene, 'member')
lend('thrice', irene, 'reader', remaining_uses=3, impersonation=False, expires_at=None)
lend('over', irene, 'member', expires_at=datetime.datetime(2099, 1, 1))
lend('to the admin', admin, 'member')
P.trust_api.delete_trust(word('over'))

consumer = P.oauth_api.create_consumer({'id': word('consumer'), 'description': 'a pipeline', 'secret': 'old-consumer-secret'})
request = P.oauth_api.create_request_token(consumer['id'], lab, 0)
P.oauth_api.authorize_request_token(request['id'], marie, [roles['reader']])
access = P.oauth_api.create_access_token(request['id'], 0)

ident = next(s['id'] for s in P.catalog_api.list_services() if s['type'] == 'identity')
odd = P.catalog_api.create_service(word('service'), {'id': word('service'), 'type': 'alchemy', 'enabled': True, 'name': 'philosopher'})['id']
P.catalog_api.create_endpoint(word('endpoint'), {'id': word('endpoint'), 'service_id': odd, 'region_id': 'OldRegion', 'interface': 'public', 'url': 'http://old.test/alchemy', 'enabled': True})
limits = [{'id': word(f'registered {s} {n}'), 'service_id': s, 'region_id': None, 'resource_name': n, 'default_limit': m, 'description': None} for s, n, m in ((ident, 'users', 10), (odd, 'stones', 1))]
P.unified_limit_api.create_registered_limits(limits)
P.unified_limit_api.create_limits([{'id': word(f'limit {s} {n}'), 'project_id': lab, 'domain_id': None, 'service_id': s, 'region_id': None, 'resource_name': n, 'resource_limit': m, 'description': 'more'} for s, n, m in ((ident, 'users', 20), (odd, 'stones', 2))])
P.catalog_api.create_endpoint_group(word('eg'), {'id': word('eg'), 'name': 'public alchemy', 'description': 'for the lab', 'filters': {'interface': 'public', 'service_id': odd}})
P.catalog_api.add_endpoint_group_to_project(word('eg'), lab)
P.catalog_api.add_endpoint_to_project(word('endpoint'), lab)
P.policy_api.create_policy(word('policy'), {'id': word('policy'), 'type': 'application/json', 'blob': {'a': '@'}})
P.endpoint_policy_api.create_policy_association(word('policy'), service_id=odd)

P.federation_api.create_idp('uni', {'id': 'uni', 'enabled': True, 'description': 'the university', 'remote_ids': ['https://idp.old.test'], 'domain_id': None, 'authorization_ttl': 60})
P.federation_api.create_mapping('uni', {'rules': [{'local': [{'user': {'name': '{0}'}}], 'remote': [{'type': 'OIDC-preferred_username'}]}]})
P.federation_api.create_protocol('uni', 'openid', {'id': 'openid', 'mapping_id': 'uni'})
P.federation_api.create_sp('elsewhere', {'id': 'elsewhere', 'enabled': True, 'auth_url': 'https://sp.test/v3/OS-FEDERATION', 'sp_url': 'https://sp.test/Shibboleth.sso', 'description': None, 'relay_state_prefix': 'ss:mem:'})
ada = P.identity_api.shadow_federated_user('uni', 'openid', 'ada%40uni.test', 'ada@uni.test', 'ada@uni.test', group_ids=[crew])['id']
P.assignment_api.add_role_to_user_and_project(ada, lab, roles['member'])
P.domain_config_api.create_config(domain, {'identity': {'driver': 'sql'}, 'ldap': {'url': 'ldaps://ldap.old.test', 'user': 'cn=reader,dc=old', 'password': 'old-directory-secret', 'suffix': 'dc=old'}})
P.credential_api.create_credential(word('credential'), {'id': word('credential'), 'user_id': marie, 'project_id': lab, 'type': 'cert', 'blob': 'old-blob'})

tables = subprocess.run(['sqlite3', db, "select name from sqlite_master where type = 'table' order by name"], capture_output=True, text=True, check=True).stdout.split()
empty = [t for t in tables if subprocess.run(['sqlite3', db, f'select count(*) from "{t}"'], capture_output=True, text=True, check=True).stdout.strip() == '0']
leave = {'migrate_version', 'alembic_version', 'config_register', 'revocation_event', *empty}
out = subprocess.run(['sqlite3', db, *[f'.dump "{t}"' for t in tables if t not in leave]], capture_output=True, text=True, check=True).stdout
for noise in ('PRAGMA foreign_keys=OFF;\n', 'BEGIN TRANSACTION;\n', 'COMMIT;\n'):
    out = out.replace(noise, '')
sys.stdout.write('\n'.join(line for line in out.splitlines() if not line.startswith('CREATE INDEX')) + '\n')
