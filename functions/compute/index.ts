import { compute } from './service.ts'
import create from './servers/create.ts'
import remove from './servers/delete.ts'
import { detail, list } from './servers/list.ts'
import show from './servers/show.ts'

/** The compute service at a glance. */
export default compute.serve([
  create, list, detail, show, remove,
])
