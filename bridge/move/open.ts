import { executor } from '../core/executor.ts'

/** Opened anew by every attempt: what came in by an earlier one was not reported. */
export default executor('move.open', {
  async act({ moves, arrivals, ready, passage, progress }, args) {
    progress('making ready for a server that comes')
    await arrivals.dismiss(args.move)
    const arrival = await moves.incoming(args)
    try {
      await arrival.clear()
      await ready(args.nics)
      return { port: await arrivals.admit(args, await passage(), arrival) }
    } catch (error) {
      await arrival.end()
      throw error
    }
  },
})
