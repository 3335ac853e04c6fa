import { pruneSignatures } from './aws/prune.sweep.ts'
import { sweepNotes } from './cloudformation/stacks/gone.sweep.ts'
import { syncDirectories } from './identity/ldap/sync.sweep.ts'
import { pruneRevocations } from './identity/prune.sweep.ts'
import { rotateKeys } from './identity/tokens/keys.ts'
import { silentSweep } from './hosts/silent.sweep.ts'
import { drainSweep } from './compute/servers/moves/drain.sweep.ts'
import { messageSweep } from './volume/messages/api.ts'
import { uploadSweep } from './image/upload/discard.ts'
import { discardSweep } from './kernel/discard.ts'
import { kernelSweeps, type Sweep } from './kernel/sweep.ts'
import { forgetChanges } from './network/touch.ts'
import { routerSweep } from './network/routers/place.ts'
import { stackSweep } from './orchestration/prune.sweep.ts'
import { sagaOf } from './sagas.ts'

/** All that is looked after without being asked. */
export const sweeps: Sweep[] = [
  ...kernelSweeps(sagaOf),
  pruneRevocations,
  pruneSignatures,
  rotateKeys,
  syncDirectories,
  uploadSweep,
  discardSweep,
  messageSweep,
  stackSweep,
  routerSweep,
  drainSweep,
  silentSweep,
  forgetChanges,
  sweepNotes,
]
