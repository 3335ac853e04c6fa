import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serverGuest } from '../../../../schema/compute.ts'
import { ask } from '../../../hosts/ask.ts'
import { q } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { conflict, invalid, notFound } from '../../../kernel/fault.ts'
import { endpoint } from '../../service.ts'
import { action, adminPass, bare, closed } from '../../shapes.ts'
import { deleteServer } from '../delete.ts'
import { grip, timeline } from '../grip.ts'
import { change, faultOf, findServer } from '../model.ts'
import { seal } from '../seal.ts'
import turn from '../turn.saga.ts'

const path = '/servers/{server}/action'

/** Actions that change a row, ask the host something, or hand on to another verb. */
export default [
  endpoint({
    id: 'servers.lock', method: 'POST', path, key: 'lock', status: 202, summary: 'Lock a server against changes by its users', policy: 'os_compute_api:os-lock-server:lock',
    body: { '2.1': bare('lock'), '2.73': action('lock', t.Union([t.Null(), t.Object({ locked_reason: t.Optional(t.String({ minLength: 1, maxLength: 255 })) }, closed)])) },
    async handle(ctx, { params, body }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-lock-server:lock')
      change(ctx, s, { lockedBy: ctx.caller.project?.id === s.project ? 'owner' : 'admin', lockedReason: (ctx.version >= 2073 ? (body.lock as { locked_reason?: string } | null)?.locked_reason : null) ?? null })
      ctx.event('compute.instance.lock.start', s.id, undefined, s.project)
      ctx.event('compute.instance.lock.end', s.id, undefined, s.project)
    },
  }),
  endpoint({
    id: 'servers.unlock', method: 'POST', path, key: 'unlock', status: 202, summary: 'Unlock a server', policy: 'os_compute_api:os-lock-server:unlock', body: { '2.1': bare('unlock') },
    async handle(ctx, { params }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-lock-server:unlock')
      if (s.lockedBy === 'admin') ctx.may('os_compute_api:os-lock-server:unlock:unlock_override')
      change(ctx, s, { lockedBy: null, lockedReason: null })
      ctx.event('compute.instance.unlock.start', s.id, undefined, s.project)
      ctx.event('compute.instance.unlock.end', s.id, undefined, s.project)
    },
  }),
  endpoint({
    id: 'servers.console_output', method: 'POST', path, key: 'os-getConsoleOutput', status: 200, summary: "The last lines of a server's console", policy: 'os_compute_api:os-console-output',
    body: { '2.1': action('os-getConsoleOutput', t.Object({ length: t.Optional(t.Union([t.Integer({ minimum: -1 }), t.String({ pattern: '^-?[0-9]+$' }), t.Null()])) }, closed)) },
    async handle(ctx, { params, body }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-console-output')
      if (!s.host || !s.launchedAt) throw conflict(`Instance ${s.id} is not ready`)
      const length = body['os-getConsoleOutput'].length, lines = length === undefined || length === null ? -1 : Number(length)
      if (lines < -1) throw invalid(`Invalid input for field/attribute length. Value: ${lines}. It must be -1 or more.`)
      const { text } = await ask(ctx, s.host, 'domain.console', { uuid: s.id, bytes: 102400 })
      return { output: lines < 0 ? text : lines === 0 ? '' : text.replace(/\n$/, '').split('\n').slice(-lines).join('\n') }
    },
  }),
  endpoint({
    id: 'servers.change_password', method: 'POST', path, key: 'changePassword', status: 202, summary: "Set the administrator's password inside a server", policy: 'os_compute_api:os-admin-password',
    body: { '2.1': action('changePassword', t.Object({ adminPass }, closed)) },
    async handle(ctx, { params, body }) {
      const g = await grip(ctx, params.server, 'changePassword')
      ctx.stage(q.update(serverGuest).set({ adminPass: await seal(ctx, g.server.id, body.changePassword.adminPass), etag: ctx.uuid() }).where(eq(serverGuest.server, g.server.id)))
      change(ctx, g.server, { task: 'updating_password' })
      timeline(ctx, g.server, 'changePassword')
      await start(ctx, turn, { server: g.server.id, host: g.server.host, move: 'changePassword', job: 'domain.set-password', args: { uuid: g.server.id, revision: g.server.generation + 1 } }, { lane: g.server.id, project: g.server.project })
    },
  }),
  endpoint({
    id: 'servers.reset_state', method: 'POST', path, key: 'os-resetState', status: 202, summary: 'Say what state a server is in', policy: 'os_compute_api:os-admin-actions:reset_state',
    body: { '2.1': action('os-resetState', t.Object({ state: t.Enum(['active', 'error']) }, closed)) },
    async handle(ctx, { params, body }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-admin-actions:reset_state')
      const { state } = body['os-resetState']
      change(ctx, s, { state, task: null, fault: state === 'error' ? s.fault ?? faultOf(ctx, 'An administrator has set this server to ERROR.') : null })
      ctx.event('compute.instance.resetState.end', s.id, { state }, s.project)
    },
  }),
  endpoint({
    id: 'servers.force_delete', method: 'POST', path, key: 'forceDelete', status: 202, summary: 'Delete a server at once', policy: 'os_compute_api:os-deferred-delete:force', body: { '2.1': bare('forceDelete') },
    handle: (ctx, { params }) => deleteServer(ctx, params.server, 'os_compute_api:os-deferred-delete:force'),
  }),
  endpoint({
    id: 'servers.restore', method: 'POST', path, key: 'restore', status: 202, summary: 'Bring back a server whose deletion was deferred', policy: 'os_compute_api:os-deferred-delete:restore', body: { '2.1': bare('restore') },
    async handle(ctx, { params }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-deferred-delete:restore')
      throw conflict(`Cannot 'restore' instance ${s.id} while it is in vm_state ${s.state}: deletion is not deferred in this cloud`)
    },
  }),
  endpoint({
    id: 'servers.trigger_crash_dump', method: 'POST', path, key: 'trigger_crash_dump', since: '2.17', status: 202, summary: 'Make a guest crash for a dump', policy: 'os_compute_api:servers:trigger_crash_dump', body: { '2.17': action('trigger_crash_dump', t.Null()) },
    async handle(ctx, { params }) {
      await findServer(ctx, params.server, 'os_compute_api:servers:trigger_crash_dump')
      throw invalid('The hypervisor does not support triggering a crash dump.')
    },
  }),
  ...(['injectNetworkInfo', 'resetNetwork'] as const).map((key) => endpoint({
    id: `servers.${key}`, method: 'POST', path, key, status: 202, summary: key === 'resetNetwork' ? 'Gone' : 'Kept for old clients: networks follow their rows anyway', policy: 'os_compute_api:os-admin-actions:inject_network_info', body: { '2.1': bare(key) },
    async handle(ctx, { params }) {
      if (key === 'resetNetwork') throw notFound('action', key, 'This resource is no longer available. No forwarding address is given.', { status: 410 })
      await findServer(ctx, params.server, 'os_compute_api:os-admin-actions:inject_network_info')
    },
  })),
]
