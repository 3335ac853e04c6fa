import * as applications from './applications/api.ts'
import { grants } from './assignments/grants.ts'
import * as assignments from './assignments/list.ts'
import { filter } from './catalog/filter.ts'
import { endpoints, regions, services } from './catalog/regular.ts'
import * as credentials from './credentials/api.ts'
import * as ec2 from './credentials/ec2.ts'
import * as signatures from './credentials/tokens.ts'
import * as domains from './domains/api.ts'
import { config } from './domains/config.ts'
import * as federation from './federation/auth.ts'
import { mappings, protocols } from './federation/mappings.ts'
import { identityProviders, serviceProviders } from './federation/providers.ts'
import { saml } from './federation/saml.ts'
import * as groups from './groups/api.ts'
import { limits, registeredLimits } from './limits/api.ts'
import * as oauth1 from './oauth1/api.ts'
import * as oauth2 from './oauth2/api.ts'
import * as device from './oauth2/device.ts'
import { consumers, policies } from './oddments/api.ts'
import { associations } from './oddments/associations.ts'
import { certificates } from './oddments/gone.ts'
import * as projects from './projects/api.ts'
import * as purge from './projects/purge.ts'
import * as roles from './roles/api.ts'
import * as implied from './roles/implied.ts'
import { identity } from './service.ts'
import * as tokens from './tokens/api.ts'
import { events } from './tokens/events.ts'
import * as scopes from './tokens/scopes.ts'
import * as trusts from './trusts/api.ts'
import * as users from './users/api.ts'

export default identity.serve([
  tokens.create, tokens.show, tokens.check, tokens.remove, tokens.revoked, events,
  scopes.projects, scopes.domains, scopes.system, scopes.catalog,
  domains.list, domains.create, domains.show, domains.update, domains.remove, config,
  projects.list, projects.create, projects.show, projects.update, projects.remove, projects.tagEndpoints, purge.inventory, purge.purge, purge.progress,
  users.list, users.create, users.show, users.update, users.remove, users.changePassword, users.groups, users.projects,
  groups.list, groups.create, groups.show, groups.update, groups.remove, groups.users, groups.members,
  roles.list, roles.create, roles.show, roles.update, roles.remove, implied.list, implied.all, implied.add, implied.looks, implied.remove,
  grants, assignments.list,
  regions, services, endpoints, filter,
  credentials.list, credentials.create, credentials.show, credentials.update, credentials.remove, ec2.create, ec2.list, ec2.show, ec2.remove, signatures.ec2, signatures.s3,
  applications.create, applications.list, applications.show, applications.remove, applications.rules,
  trusts.create, trusts.list, trusts.show, trusts.remove, trusts.roles,
  registeredLimits, limits, policies, associations, certificates,
  consumers, oauth1.exchange, oauth1.accessTokens, oauth2.token, device.authorize, device.page, device.ask, device.answer,
  identityProviders, protocols, mappings, serviceProviders, federation.auth, federation.sso, saml, scopes.federated,
])
