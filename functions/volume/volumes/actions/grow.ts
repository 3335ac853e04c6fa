import { Type as t } from 'typebox'
import type { Ctx } from '../../../kernel/ctx.ts'
import { start } from '../../../kernel/engine.ts'
import { invalid } from '../../../kernel/fault.ts'
import { closed, whole } from '../../lists.ts'
import { endpoint } from '../../service.ts'
import { holding } from '../destroy.ts'
import extend from '../extend.saga.ts'
import { stays } from '../stays.ts'
import { demand, quotaQueries, stillWithin } from '../use.ts'
import { allowed, oneVolume, type Whole } from '../view.ts'
import { change, demandStatus } from './action.ts'

/** Where a job about a volume goes: to the host of the guest that has it open, else to one that holds it; and there it stays meanwhile. */
export function placeOf(ctx: Ctx, w: Whole, at: { id: string } | undefined) {
  const a = w.attachment
  const inUse = a?.compute && a.host && a.server && w.volume.status === 'in-use' ? a : undefined
  const host = inUse?.host ?? at?.id ?? w.volume.host
  if (!host) throw invalid(`Invalid volume: Volume ${w.volume.id} is kept by no host.`)
  stays(ctx, inUse?.server, w.leaving, `Volume ${w.volume.id}`)
  return { host, ...(inUse?.server ? { server: inUse.server } : {}) }
}

export default endpoint({
  id: 'volumes.extend', method: 'POST', path: '/volumes/{id}/action', key: 'os-extend', status: 202, policy: 'volume:extend', summary: 'Grow a volume',
  body: { '3.0': t.Object({ 'os-extend': t.Object({ new_size: whole }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const [rows, [at], usage, limits] = await ctx.read(oneVolume(ctx, params.id), holding(ctx, params.id), ...quotaQueries(ctx.anyone?.project?.id ?? ''))
    const found = allowed(ctx, rows as Whole[], params.id, 'volume:extend'), v = found.volume
    const size = Number(body['os-extend'].new_size)
    // In use only where the client knows that it may be (3.42); the guest sees the new size at once.
    demandStatus(v, ctx.version >= 3042 ? ['available', 'in-use'] : ['available'], 'extend')
    if (size <= v.sizeGb) throw invalid(`Invalid input received: New size for extend must be greater than current size. (current: ${v.sizeGb}, extended: ${size}).`)
    const place = placeOf(ctx, found, at)
    const own = v.project === ctx.anyone?.project?.id ? { usage, limits } : await (async () => { const [u, l] = await ctx.read(...quotaQueries(v.project)); return { usage: u, limits: l } })()
    demand(own, { gigabytes: size - v.sizeGb, largest: size, type: found.typeName })
    change(ctx, v, { status: 'extending', previousStatus: v.status, sizeGb: size })
    stillWithin(ctx, v.project, own)
    ctx.event('volume.resize.start', v.id, { size }, v.project)
    await start(ctx, extend, { volume: v.id, project: v.project, from: v.sizeGb, to: size, back: v.status, ...place }, { lane: v.id, project: v.project })
  },
})
