import { identity } from './service.ts'
import * as tokens from './tokens/api.ts'
import * as scopes from './tokens/scopes.ts'

export default identity.serve([
  tokens.create, tokens.show, tokens.check, tokens.remove, tokens.revoked,
  scopes.projects, scopes.domains, scopes.system, scopes.catalog,
])
