import { and, eq, isNull, sql } from 'drizzle-orm'
import { server, type ServerState } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import type { Rule } from '../service.ts'
import { power, unlocked, type Server } from './model.ts'

/** What may be done to a server when: from these states, shown as this task, ending in that state. */
export interface Move { rule: Rule; from: ServerState[]; task: string; to?: ServerState; power?: number }

export const moves = {
  start:   { rule: 'os_compute_api:servers:start', from: ['stopped'], task: 'powering-on', to: 'active', power: power.running },
  stop:    { rule: 'os_compute_api:servers:stop', from: ['active', 'error'], task: 'powering-off', to: 'stopped', power: power.off },
  pause:   { rule: 'os_compute_api:os-pause-server:pause', from: ['active'], task: 'pausing', to: 'paused', power: power.paused },
  unpause: { rule: 'os_compute_api:os-pause-server:unpause', from: ['paused'], task: 'unpausing', to: 'active', power: power.running },
  suspend: { rule: 'os_compute_api:os-suspend-server:suspend', from: ['active'], task: 'suspending', to: 'suspended', power: power.suspended },
  resume:  { rule: 'os_compute_api:os-suspend-server:resume', from: ['suspended'], task: 'resuming', to: 'active', power: power.running },
  reboot:  { rule: 'os_compute_api:servers:reboot', from: ['active'], task: 'rebooting', to: 'active', power: power.running },
  'reboot-hard': { rule: 'os_compute_api:servers:reboot', from: ['active', 'stopped', 'paused', 'suspended', 'error'], task: 'rebooting_hard', to: 'active', power: power.running },
  rebuild: { rule: 'os_compute_api:servers:rebuild', from: ['active', 'stopped', 'error'], task: 'rebuilding', power: power.running },
  resize:  { rule: 'os_compute_api:servers:resize', from: ['active', 'stopped'], task: 'resize_prep', to: 'resized' },
  migrate: { rule: 'os_compute_api:os-migrate-server:migrate', from: ['active', 'stopped'], task: 'resize_prep', to: 'resized' },
  'os-migrateLive': { rule: 'os_compute_api:os-migrate-server:migrate_live', from: ['active', 'paused'], task: 'migrating' },
  evacuate: { rule: 'os_compute_api:os-evacuate', from: ['active', 'stopped', 'error'], task: 'rebuilding' },
  confirmResize: { rule: 'os_compute_api:servers:confirm_resize', from: ['resized'], task: '' },
  revertResize: { rule: 'os_compute_api:servers:revert_resize', from: ['resized'], task: 'resize_reverting' },
  createImage: { rule: 'os_compute_api:servers:create_image', from: ['active', 'stopped', 'paused', 'suspended'], task: 'image_snapshot' },
  backup:  { rule: 'os_compute_api:os-create-backup', from: ['active', 'stopped', 'paused', 'suspended'], task: 'image_backup' },
  rescue:  { rule: 'os_compute_api:os-rescue', from: ['active', 'stopped', 'error'], task: 'rescuing', to: 'rescued', power: power.running },
  unrescue: { rule: 'os_compute_api:os-unrescue', from: ['rescued'], task: 'unrescuing', to: 'active', power: power.running },
  shelve:  { rule: 'os_compute_api:os-shelve:shelve', from: ['active', 'stopped', 'paused', 'suspended'], task: 'shelving' },
  shelveOffload: { rule: 'os_compute_api:os-shelve:shelve_offload', from: ['shelved'], task: 'shelving_offloading' },
  unshelve: { rule: 'os_compute_api:os-shelve:unshelve', from: ['shelved', 'shelved_offloaded'], task: 'unshelving', to: 'active', power: power.running },
  attachVolume: { rule: 'os_compute_api:os-volumes-attachments:create', from: ['active', 'paused', 'stopped', 'resized', 'suspended'], task: '' },
  detachVolume: { rule: 'os_compute_api:os-volumes-attachments:delete', from: ['active', 'paused', 'stopped', 'resized', 'suspended', 'shelved', 'shelved_offloaded'], task: '' },
  attachInterface: { rule: 'os_compute_api:os-attach-interfaces:create', from: ['active', 'paused', 'stopped'], task: '' },
  detachInterface: { rule: 'os_compute_api:os-attach-interfaces:delete', from: ['active', 'paused', 'stopped'], task: '' },
  changePassword: { rule: 'os_compute_api:os-admin-password', from: ['active'], task: 'updating_password' },
} satisfies Record<string, Move>
export type MoveName = keyof typeof moves

/** 409 unless the server may make this move now. */
export function permit(ctx: Ctx, s: Server, name: MoveName) {
  const m: Move = moves[name]
  unlocked(ctx, s)
  const word = name === 'reboot-hard' ? 'reboot' : name
  if (s.task) throw conflict(`Cannot '${word}' instance ${s.id} while it is in task_state ${s.task}`)
  if (!m.from.includes(s.state)) throw conflict(`Cannot '${word}' instance ${s.id} while it is in vm_state ${s.state}`)
  if (!s.host && s.state !== 'shelved_offloaded') throw conflict(`Cannot '${word}' instance ${s.id}: it never got a host. Delete it and create another.`)
}

/** What makes or remakes the guest from a list of its disks and interfaces: that list must not change meanwhile. */
const remakes = new Set<MoveName>(['start', 'resume', 'reboot', 'reboot-hard', 'rebuild', 'resize', 'migrate', 'os-migrateLive', 'revertResize', 'rescue', 'unrescue', 'shelve', 'unshelve'])

export function settled(id: string, name: MoveName, joining: boolean) {
  if (joining && remakes.has(name)) throw conflict(`Cannot '${name}' instance ${id} while a volume or an interface is being attached to it or detached; try again when that has ended.`)
}

/** What goes along with a server is not worked on where it is. */
export function undisturbed(id: string, name: MoveName, work: unknown) {
  if ((work as { n: number }[])[0]?.n) throw conflict(`Cannot '${name}' instance ${id} while one of its volumes, or a snapshot of one, is being worked on; try again when that has ended.`)
}

/** A volume or an interface joins or leaves, others may do so at once; whoever read the server before, to remake it, reads again. */
export function joins(ctx: Ctx, s: Server) {
  ctx.stage(q.update(server).set({ generation: sql`${server.generation} + 1` as unknown as number }).where(and(eq(server.id, s.id), isNull(server.task))), 'stale')
}
