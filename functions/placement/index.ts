import { placement } from './service.ts'

/** The placement service at a glance. */
export default placement.serve([
])
