import aggregates from './aggregates.ts'
import allocations from './allocations/api.ts'
import candidates from './candidates/api.ts'
import classes from './classes/api.ts'
import inventories from './inventories/api.ts'
import providers from './providers/api.ts'
import reshape from './reshape.ts'
import { placement } from './service.ts'
import traits from './traits/api.ts'
import providerTraits from './traits/held.ts'
import usages from './usages.ts'

/** The placement service at a glance. */
export default placement.serve([
  providers, inventories, aggregates, providerTraits, usages, allocations, candidates, classes, traits, reshape,
])
