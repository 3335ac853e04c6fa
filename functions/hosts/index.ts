import claim from './claim.ts'
import console from './consoles.ts'
import { enroll, list, mint, show, update } from './manage.ts'
import { drain, drained, remove, undrain } from './drain.ts'
import { orphans, removeOrphan } from './orphans.ts'
import report from './report.ts'
import { hosts } from './service.ts'
import { blobs, desired, guest, objects, passages, report as inventory } from './state.ts'

export default hosts.serve([mint, enroll, list, show, update, drain, drained, undrain, remove, orphans, removeOrphan, claim, report, console, desired, guest, blobs, objects, passages, inventory])
