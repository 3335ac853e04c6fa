import abort from './abort.ts'
import arrive from './arrive.ts'
import close from './close.ts'
import hurry from './hurry.ts'
import live from './live.ts'
import open from './open.ts'
import send from './send.ts'

export const moveExecutors = [open, send, live, arrive, close, abort, hurry]
