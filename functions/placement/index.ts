import allocations from './allocations.ts'
import candidates from './candidates.ts'
import inventories from './inventories.ts'
import names from './names.ts'
import providers from './providers.ts'
import { placement } from './service.ts'

/** The placement service at a glance. */
export default placement.serve([providers, inventories, allocations, candidates, names])
