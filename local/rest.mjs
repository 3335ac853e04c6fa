// What workerd starts with: the functions as they are, and what they left behind collected while few ask. V8 here looks for garbage
// only when it needs room, so what a busy minute took would stay taken all night.
import functions from './worker.js'
export * from './worker.js'

const apart = 60_000, few = 50
let asked = 0, collected = 0

export default {
  ...functions,
  async fetch(request, env, later) {
    asked++
    if (new URL(request.url).pathname === '/_tick') rest(Date.now())
    return functions.fetch(request, env, later)
  },
}

/** At each heartbeat, a second apart. Only this way of collecting gives back the room for new objects, most of what is taken. */
function rest(now) {
  if (asked < few && now - collected >= apart) {
    collected = now
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
  asked = 0
}
