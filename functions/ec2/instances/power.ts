import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { toCompute, unless } from '../call.ts'
import { idOf, uuidOf } from '../ids.ts'
import { write } from '../service.ts'
import { flag, text } from '../shapes.ts'
import { every } from './look.ts'
import { stateOf, states, wrongState, type State } from './state.ts'

/** Each is an order of its own to the compute service: so many in one request. */
const InstanceIds = t.Array(text, { wire: 'InstanceId', minItems: 1, maxItems: 100 })

/** One order to several instances: all of them, or none. `done`: nothing has to be done for those that are there already. */
const order = (name: string, o: { summary: string; what: string; verb: (s: any) => [method: 'POST' | 'DELETE', path: string, body?: unknown]; to: State; done: (now: State) => boolean; more?: Record<string, typeof flag> }) => write(name, {
  summary: o.summary, input: { InstanceIds, ...o.more },
  async handle(ctx, i) {
    const asked = [...new Map((i.InstanceIds as string[]).map((id) => [uuidOf('instance', id), id]))], found = await every(ctx, asked.map(([, id]) => id), asked.map(([u]) => u)), changes = []
    for (const s of found) {
      const now = stateOf(s), id = idOf('instance', s.id), done = s.status === 'DELETED' ? o.to === states.going : o.done(now)
      if (s.status === 'DELETED' && !done) throw wrongState(id, o.what)
      if (!done) await unless('conflict', () => wrongState(id, o.what), () => toCompute(ctx, ...at(s, o.verb(s))))
      changes.push({ instanceId: id, currentState: done ? now : o.to, previousState: now })
    }
    return { instancesSet: changes }
  },
})
const at = (s: any, [method, path, body]: [method: 'POST' | 'DELETE', path: string, body?: unknown]) => [method, `/servers/${s.id}${path}`, body] as const
const is = (...names: State['name'][]) => (now: State) => names.includes(now.name)

export const startInstances = order('StartInstances', { summary: 'Start instances', what: 'started', verb: () => ['POST', '/action', { 'os-start': null }], to: states.pending, done: is('running', 'pending'), more: { AdditionalInfo: t.Optional(t.Unknown()) as never } })
export const stopInstances = order('StopInstances', { summary: 'Stop instances', what: 'stopped', verb: () => ['POST', '/action', { 'os-stop': null }], to: states.stopping, done: is('stopped', 'stopping'), more: { Force: flag, Hibernate: flag, SkipOsShutdown: flag } })
/** One that failed to start counts as terminated already, yet is still there to be cleared away. */
export const terminateInstances = order('TerminateInstances', { summary: 'Terminate instances', what: 'terminated', verb: () => ['DELETE', ''], to: states.going, done: is('shutting-down'), more: { Force: flag, SkipOsShutdown: flag } })

export const rebootInstances = write('RebootInstances', {
  summary: 'Reboot instances', input: { InstanceIds },
  async handle(ctx: Ctx, i) {
    const asked = [...new Map(i.InstanceIds.map((id) => [uuidOf('instance', id), id]))]
    for (const s of await every(ctx, asked.map(([, id]) => id), asked.map(([u]) => u))) if (s.status === 'DELETED') throw wrongState(idOf('instance', s.id), 'rebooted'); else await unless('conflict', () => wrongState(idOf('instance', s.id), 'rebooted'), () => toCompute(ctx, 'POST', `/servers/${s.id}/action`, { reboot: { type: 'SOFT' } }))
  },
})
