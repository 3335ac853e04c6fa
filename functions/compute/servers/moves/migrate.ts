import { Type as t } from 'typebox'
import type { Ctx } from '../../../kernel/ctx.ts'
import type { Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { invalid } from '../../../kernel/fault.ts'
import { expectPorts } from '../../../network/ports/plan.ts'
import { stageClaim } from '../../../placement/claim.ts'
import { endpoint } from '../../service.ts'
import { action, bool, closed, fqdn, truth } from '../../shapes.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { timeline } from '../grip.ts'
import { change, needOf, power, type Shape } from '../model.ts'
import { domainSpec, graceOf, rootOnVolume } from '../spec.ts'
import type { Candidate } from '../../schedule/hosts.ts'
import cold from './cold.saga.ts'
import live from './live.saga.ts'
import { beginMove, luggage, sharesAll } from './model.ts'
import { choose, guardGroup, moveReads, movingOf, type Moving } from './where.ts'

const path = '/servers/{server}/action'

export interface ColdAsk { to?: Shape; growGb?: number; made?: DiskArgs[]; confirm?: boolean; /** Its host was asked for by name. */ named?: boolean; action: 'migrate' | 'resize'; set?: Partial<Moving['server']> }

/** Stages a move of a server that is off on its way: disks over to the target, on again there. */
export async function moveCold(ctx: Ctx, m: Moving, target: Candidate, ask: ColdAsk) {
  const s = m.server, to = ask.to ?? s.shape, goes = luggage(s, m.attached, m.snapshots, m.from, target), onVolume = rootOnVolume(m.grip.held)
  const move = beginMove(ctx, { server: s, kind: ask.action === 'resize' ? 'resize' : 'migration', status: 'migrating', from: m.from, to: target, along: goes.along, flavor: to.id })
  change(ctx, s, { task: 'resize_prep', otherHost: target.id, ...ask.set })
  guardGroup(ctx, { ...m, s }, target.id)
  stageClaim(ctx, { consumer: s.id, host: target.id, project: s.project, user: s.user, ...needOf(to, onVolume) })
  timeline(ctx, s, ask.action, { from: s.shape.id, to: to.id, host: s.host, target: target.id })
  await start(ctx, cold, {
    server: s.id, host: s.host, target: target.id, address: target.address!, move, storage: [m.from.storage, target.storage], from: s.shape, to, old: m.grip.spec, spec: domainSpec(s, m.grip.ports, m.grip.held, ctx.requestId, to),
    wasOn: s.power === power.running, grace: graceOf(s.imageProperties), own: goes.own, along: goes.along, shared: goes.shared, ports: m.grip.ports.map((p) => p.id), growGb: ask.growGb, made: ask.made ?? [], confirm: ask.confirm ?? false, action: ask.action, tried: ask.named ? undefined : [],
  }, { lane: s.id, project: s.project })
}

/** Stages a move of a server that goes on running, or stays paused. `named`: to this host or none. */
export async function moveLive(ctx: Ctx, m: Moving, target: Candidate, named = false) {
  const s = m.server, goes = luggage(s, m.attached, m.snapshots, m.from, target), ports = m.grip.ports.map((p) => p.id)
  const move = beginMove(ctx, { server: s, kind: 'live-migration', status: 'preparing', from: m.from, to: target, along: goes.along })
  change(ctx, s, { task: 'migrating', otherHost: target.id })
  guardGroup(ctx, { ...m, s }, target.id)
  stageClaim(ctx, { consumer: s.id, host: target.id, project: s.project, user: s.user, ...needOf(s.shape, rootOnVolume(m.grip.held)) })
  expectPorts(ctx, ports, target.id)
  timeline(ctx, s, 'live-migration', { host: s.host, target: target.id })
  await start(ctx, live, {
    server: s.id, host: s.host, target: target.id, address: target.address!, move, storage: target.storage, nics: m.grip.spec.nics, ports, disks: goes.disks, own: goes.own, along: goes.along, shared: goes.shared, paused: s.state === 'paused', tried: named ? undefined : [],
  }, { lane: s.id, project: s.project })
}

const place = { host: t.Optional(t.Union([fqdn, t.Null()])) }
const liveBody = (more: Record<string, ReturnType<typeof t.Optional> | typeof bool>) => action('os-migrateLive', t.Object({ host: t.Union([fqdn, t.Null()]), block_migration: t.Union([bool, t.Literal('auto')]), ...more } as never, closed)) as never

export default [
  endpoint({
    id: 'servers.migrate', method: 'POST', path, key: 'migrate', status: 202, summary: 'Move a server to another host, then confirm or revert', policy: 'os_compute_api:os-migrate-server:migrate',
    body: { '2.1': t.Object({ migrate: t.Optional(t.Unknown()) }), '2.56': action('migrate', t.Union([t.Null(), t.Object(place, closed)])) as never },
    async handle(ctx, { params: { server: id }, body }) {
      const asked = ctx.version >= 2056 ? (body as { migrate?: { host?: string | null } | null }).migrate?.host ?? undefined : undefined
      const m = movingOf(ctx, id, 'migrate', await ctx.read(...moveReads(ctx, id, asked) as unknown as [Query]) as unknown[][])
      await moveCold(ctx, m, choose(ctx, m, asked), { action: 'migrate', named: !!asked })
    },
  }),
  endpoint({
    id: 'servers.os-migrateLive', method: 'POST', path, key: 'os-migrateLive', status: 202, summary: 'Move a server to another host while it runs', policy: 'os_compute_api:os-migrate-server:migrate_live',
    body: {
      '2.1': action('os-migrateLive', t.Object({ host: t.Union([fqdn, t.Null()]), block_migration: bool, disk_over_commit: bool }, closed)) as never,
      '2.25': liveBody({}), '2.30': liveBody({ force: t.Optional(bool) }), '2.68': liveBody({}),
    },
    async handle(ctx, { params: { server: id }, body }) {
      const b = (body as { 'os-migrateLive': { host: string | null; block_migration: unknown; force?: unknown } })['os-migrateLive'], asked = b.host ?? undefined, force = truth(b.force)
      if (force && !asked) throw invalid("Can't force to a non-provided destination")
      const m = movingOf(ctx, id, 'os-migrateLive', await ctx.read(...moveReads(ctx, id, asked) as unknown as [Query]) as unknown[][])
      const target = choose(ctx, m, asked, { force })
      if (b.block_migration !== 'auto') blockOr(m, target, truth(b.block_migration))
      await moveLive(ctx, m, target, !!asked)
    },
  }),
]

/** Whether disks are copied follows from where they are; who says how it must be is told when it is not so. */
function blockOr(m: Moving, target: Candidate, block: boolean) {
  if (m.from.simulated) return
  const local = luggage(m.server, m.attached, m.snapshots, m.from, target).disks.length > 0
  if (block && sharesAll(m.from, target)) throw invalid(`${m.server.id} is not on local storage: Block migration can not be used with shared storage.`)
  if (!block && local) throw invalid(`${m.server.id} is not on shared storage: Live migration can not be used without shared storage except a booted from volume VM which does not have a local disk.`)
}
