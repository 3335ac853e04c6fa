import * as sets from './changesets/api.ts'
import * as drift from './drift/api.ts'
import { cloudformation } from './service.ts'
import { addresses, signal } from './signals.ts'
import { create } from './stacks/create.ts'
import * as look from './stacks/describe.ts'
import * as end from './stacks/end.ts'
import * as templates from './stacks/templates.ts'
import * as change from './stacks/update.ts'
import * as types from './types/api.ts'

/** The CloudFormation Query API at a glance. */
export default cloudformation.serve([
  create, change.update, end.remove, end.cancel, end.rollback, end.goOn, change.protect, change.setPolicy, change.getPolicy,
  look.describe, look.list, look.describeEvents, look.operationEvents, look.describeResource, look.describeResources, look.listResources, look.listExports, look.listImports,
  templates.get, templates.summary, templates.validateTemplate, templates.estimate,
  sets.create, sets.describe, sets.list, sets.execute, sets.remove,
  signal, addresses, drift.detect, drift.detectResource, drift.status, drift.resources, types.describe, types.list, types.limits,
])
