import { awsFault } from '../../aws/faults.ts'

export interface State { code: number; name: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped' }
const state = (code: number, name: State['name']): State => ({ code, name })
const pending = state(0, 'pending'), running = state(16, 'running'), going = state(32, 'shutting-down'), gone = state(48, 'terminated'), stopping = state(64, 'stopping'), stopped = state(80, 'stopped')
export const states = { pending, running, going, gone, stopping, stopped }

/** Six states for all that a server can be in; one that never came to run is as good as terminated, and says why. */
export function stateOf(s: any): State {
  const task: string = s['OS-EXT-STS:task_state'] ?? ''
  if (s.status === 'DELETED') return gone
  if (/delet/.test(task)) return going
  if (s.status === 'BUILD') return pending
  if (/power.?ing-?off|stopping/.test(task)) return stopping
  if (/power.?ing-?on/.test(task)) return pending
  if (s.status === 'ERROR') return !s['OS-SRV-USG:launched_at'] ? gone : s['OS-EXT-STS:power_state'] === 1 ? running : stopped
  return ['SHUTOFF', 'PAUSED', 'SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED'].includes(s.status) || (s.status === 'VERIFY_RESIZE' && s['OS-EXT-STS:power_state'] === 4) ? stopped : running
}
export const reasonOf = (s: any) => (s.status === 'ERROR' || s.status === 'DELETED' ? { code: s.status === 'ERROR' ? 'Server.InternalError' : 'Client.UserInitiatedShutdown', message: s.status === 'ERROR' ? s.fault?.message ?? 'Server.InternalError' : 'Client.UserInitiatedShutdown: User initiated shutdown' } : undefined)
export const wrongState = (id: string, what: string) => awsFault('IncorrectInstanceState', `The instance '${id}' is not in a state from which it can be ${what}.`)
