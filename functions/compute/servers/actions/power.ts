import { Type as t } from 'typebox'
import type { JobName } from '../../../../schema/jobs.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import type { Endpoint } from '../../../kernel/endpoint.ts'
import { start } from '../../../kernel/engine.ts'
import { endpoint } from '../../service.ts'
import { action, bare, closed } from '../../shapes.ts'
import { change } from '../model.ts'
import { grip, timeline, type Grip } from '../grip.ts'
import { GRACE, graceOf } from '../spec.ts'
import turn from '../turn.saga.ts'
import { moves, type MoveName } from '../verbs.ts'

type Order = (g: Grip) => [JobName, Record<string, unknown>]
const orders: Partial<Record<MoveName, Order>> = {
  start: (g) => ['domain.start', { spec: g.spec }],
  stop: (g) => ['domain.stop', { uuid: g.server.id, graceSeconds: graceOf(g.server.imageProperties) }],
  pause: (g) => ['domain.pause', { uuid: g.server.id }],
  unpause: (g) => ['domain.resume', { uuid: g.server.id }],
  suspend: (g) => ['domain.save', { uuid: g.server.id }],
  resume: (g) => ['domain.start', { spec: g.spec }],
  reboot: (g) => ['domain.reboot', { spec: g.spec, graceSeconds: GRACE }],
  'reboot-hard': (g) => ['domain.reboot', { spec: g.spec, graceSeconds: 0 }],
}

/** Begins a move that is one job on the host. */
export async function turnServer(ctx: Ctx, id: string, move: MoveName) {
  const g = await grip(ctx, id, move)
  const [job, args] = orders[move]!(g)
  change(ctx, g.server, { task: moves[move].task })
  timeline(ctx, g.server, move)
  await start(ctx, turn, { server: id, host: g.server.host, move, job, args }, { lane: id, project: g.server.project })
}

const simple = (key: string, move: MoveName): Endpoint => endpoint({
  id: `servers.${key}`, method: 'POST', path: '/servers/{server}/action', key, status: 202, summary: `${moves[move].task.replaceAll('-', ' ')} a server`, policy: moves[move].rule,
  body: { '2.1': bare(key) }, handle: (ctx, { params }) => turnServer(ctx, params.server, move),
})

export default [
  simple('os-start', 'start'), simple('os-stop', 'stop'), simple('pause', 'pause'), simple('unpause', 'unpause'), simple('suspend', 'suspend'), simple('resume', 'resume'),
  endpoint({
    id: 'servers.reboot', method: 'POST', path: '/servers/{server}/action', key: 'reboot', status: 202, summary: 'Reboot a server, softly or hard', policy: 'os_compute_api:servers:reboot',
    body: { '2.1': action('reboot', t.Object({ type: t.Enum(['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']) }, closed)) },
    handle: (ctx, { params, body }) => turnServer(ctx, params.server, body.reboot.type.toLowerCase() === 'hard' ? 'reboot-hard' : 'reboot'),
  }),
]
