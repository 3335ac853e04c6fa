import { orchestration } from './service.ts'
import stacks from './stacks/api.ts'

/** The orchestration service at a glance. */
export default orchestration.serve([stacks])
