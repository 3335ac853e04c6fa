import type { JobArgs, JobName } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePorts } from '../../network/ports/plan.ts'
import { faultOf, set } from './model.ts'
import { moves, type Move, type MoveName } from './verbs.ts'

/** One job on the server's host, then the row says what it is now. */
export type Turn = { server: string; host: string; move: MoveName; job: JobName; args: Record<string, unknown> }

const step = <K extends JobName>(job: K) => ({
  when: ({ args }: Run<Turn, any>) => args.job === job, on: ({ args }: Run<Turn, any>) => args.host, args: ({ args }: Run<Turn, any>) => args.args as JobArgs<K>,
})

export default saga<Turn>('server.turn', { deadline: 900 })
  .host('start', 'domain.start', step('domain.start'))
  .host('stop', 'domain.stop', step('domain.stop'))
  .host('reboot', 'domain.reboot', step('domain.reboot'))
  .host('pause', 'domain.pause', step('domain.pause'))
  .host('resume', 'domain.resume', step('domain.resume'))
  .host('save', 'domain.save', step('domain.save'))
  .host('password', 'domain.set-password', step('domain.set-password'))
  .local('done', {
    run({ ctx, args, out }) {
      const { to, power }: Move = moves[args.move]
      const vncPort = (out.start ?? out.reboot)?.vncPort
      set(ctx, args.server, { task: null, ...(to ? { state: to, fault: null } : {}), ...(power === undefined ? {} : { power }), ...(vncPort ? { vncPort } : {}) })
      if (to === 'active') activatePorts(ctx, args.server)
      ctx.event(`compute.instance.${args.move}.end`, args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    // A guest that does not start is what the user must see; one that would not pause still runs, and its actions tell.
    const dead = args.job === 'domain.start' || args.job === 'domain.reboot'
    set(ctx, args.server, { task: null, ...(dead ? { state: 'error' as const } : {}), fault: faultOf(ctx, `'${args.move}' did not succeed: ${why}`, requestId) })
    ctx.event(`compute.instance.${args.move}.error`, args.server, { why })
  })
