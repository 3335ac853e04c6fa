import type { JobArgs } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePort, releasePort } from '../../network/ports/of-servers.ts'
import { completeAttach, releaseVolume, rollDetach } from '../../volume/volumes/use.ts'
import { set } from './model.ts'

/**
 * A disk or a nic that joins or leaves a server; hot when the guest is there to see it. Its lane is the volume or the
 * port, so that several may come and go at once.
 */
export type Attach = {
  server: string; host: string; hot: boolean; join: boolean
  disk?: JobArgs<'domain.attach-disk'>['disk']; nic?: JobArgs<'domain.attach-port'>['nic']
}
type A = Run<Attach, any>
const on = ({ args }: A) => args.host
const word = (a: Attach) => `${a.join ? 'attach' : 'detach'}${a.disk ? 'Volume' : 'Interface'}`

export default saga<Attach>('server.attach', { deadline: 600 })
  .host('plug', 'domain.attach-disk', {
    when: ({ args: a }) => a.hot && a.join && !!a.disk, on, args: ({ args }) => ({ uuid: args.server, disk: args.disk! }), undo: ['domain.detach-disk', ({ args }) => ({ uuid: args.server, disk: args.disk!.ref })],
  })
  .host('unplug', 'domain.detach-disk', { when: ({ args: a }) => a.hot && !a.join && !!a.disk, on, args: ({ args }) => ({ uuid: args.server, disk: args.disk!.ref }) })
  .host('link', 'domain.attach-port', {
    when: ({ args: a }) => a.hot && a.join && !!a.nic, on, args: ({ args }) => ({ uuid: args.server, nic: args.nic! }), undo: ['domain.detach-port', ({ args }) => ({ uuid: args.server, port: args.nic!.port, mac: args.nic!.mac })],
  })
  .host('unlink', 'domain.detach-port', { when: ({ args: a }) => a.hot && !a.join && !!a.nic, on, args: ({ args }) => ({ uuid: args.server, port: args.nic!.port, mac: args.nic!.mac }) })
  .local('done', {
    run({ ctx, args: a }) {
      if (a.disk) a.join ? completeAttach(ctx, a.disk.ref.id, a.server, a.host, `/dev/${a.disk.device}`) : releaseVolume(ctx, a.disk.ref.id, a.server)
      if (a.nic) a.join ? activatePort(ctx, a.nic.port) : releasePort(ctx, a.server, a.nic.port)
      set(ctx, a.server, {})
      ctx.event(`compute.instance.${word(a)}.end`, a.server)
    },
  })
  .failed(({ ctx, args: a }, why) => {
    if (a.disk) a.join ? releaseVolume(ctx, a.disk.ref.id, a.server) : rollDetach(ctx, a.disk.ref.id, a.server)
    if (a.nic && a.join) releasePort(ctx, a.server, a.nic.port)
    ctx.event(`compute.instance.${word(a)}.error`, a.server, { why })
  })
