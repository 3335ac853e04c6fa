import { grants } from './assignments/grants.ts'
import * as assignments from './assignments/list.ts'
import { endpoints, regions, services } from './catalog/regular.ts'
import * as domains from './domains/api.ts'
import * as groups from './groups/api.ts'
import * as projects from './projects/api.ts'
import * as roles from './roles/api.ts'
import * as implied from './roles/implied.ts'
import { identity } from './service.ts'
import * as tokens from './tokens/api.ts'
import * as scopes from './tokens/scopes.ts'
import * as users from './users/api.ts'

export default identity.serve([
  tokens.create, tokens.show, tokens.check, tokens.remove, tokens.revoked,
  scopes.projects, scopes.domains, scopes.system, scopes.catalog,
  domains.list, domains.create, domains.show, domains.update, domains.remove,
  projects.list, projects.create, projects.show, projects.update, projects.remove, projects.tagEndpoints,
  users.list, users.create, users.show, users.update, users.remove, users.changePassword, users.groups, users.projects,
  groups.list, groups.create, groups.show, groups.update, groups.remove, groups.users, groups.members,
  roles.list, roles.create, roles.show, roles.update, roles.remove, implied.list, implied.all, implied.add, implied.looks, implied.remove,
  grants, assignments.list,
  regions, services, endpoints,
])
