import events from './events/api.ts'
import resources from './resources/api.ts'
import { orchestration } from './service.ts'
import services from './services.ts'
import software from './software/api.ts'
import stacks from './stacks/api.ts'
import list from './stacks/list.ts'
import templates from './templates/api.ts'

/** The orchestration service at a glance. */
export default orchestration.serve([list, stacks, resources, events, templates, software, services])
