import { executor } from '../core/executor.ts'

/** Opened anew by every attempt: what came in by an earlier one was not reported. */
export default executor('move.open', {
  async act({ moves, arrivals, ready, passage, progress }, args) {
    progress('making ready for a server that comes')
    await arrivals.dismiss(args.move)
    const known = { ...args, nics: await ready(args.nics) }
    const arrival = await moves.incoming(known)
    try {
      await arrival.clear()
      return { port: await arrivals.admit(known, await passage(), arrival) }
    } catch (error) {
      await arrival.end()
      throw error
    }
  },
})
