import type { Inventory } from '../../schema/hosts.ts'
import { serverOf } from './names.ts'
import type { Virsh } from './virsh.ts'

export type State = Inventory['domains'][number]['state']
/** `run` names one life of the guest: it changes with every start. */
export interface Seen { uuid: string; name: string; state: State; run: string }

const words: Record<string, State> = {
  'running': 'running', 'idle': 'running', 'in shutdown': 'running', 'paused': 'paused', 'pmsuspended': 'paused',
  'crashed': 'crashed', 'saved': 'saved', 'shut off': 'shutoff', 'no state': 'shutoff',
}

/** Every guest of this cloud, in one call to libvirt. */
export async function look(virsh: Virsh, tag: string): Promise<Seen[]> {
  return parse(await virsh.batch(['domstats', '--state'], ['list', '--all', '--managed-save']), tag)
}

export function parse(text: string, tag: string): Seen[] {
  const reasons = new Map<string, string>()
  let name = ''
  const seen: Seen[] = []
  for (const line of text.split('\n')) {
    const stats = /^Domain: '(.*)'$/.exec(line)
    if (stats) { name = stats[1]; continue }
    const fact = /^ {2}state\.(state|reason)=(\d+)$/.exec(line)
    if (fact) { reasons.set(name, fact[1] === 'state' ? fact[2] : `${reasons.get(name)}.${fact[2]}`); continue }
    const row = /^\s*(\d+|-)\s+(virga-\S+)\s+(.+?)\s*$/.exec(line)
    const uuid = row && serverOf(tag, row[2])
    if (row && uuid) seen.push({ uuid, name: row[2], state: refine(words[row[3]] ?? 'shutoff', reasons.get(row[2])), run: row[1] })
  }
  return seen
}

// libvirt's numbers: state 3 paused, 5 shut off; reasons as in virDomainPausedReason and virDomainShutoffReason.
function refine(state: State, reason = ''): State {
  if (state === 'paused') {
    if (reason === '3.11') return 'shutoff'                                      // starting up: not there yet
    if (reason === '3.3') return 'running'                                       // memory is just being saved
    if (reason === '3.10') return 'crashed'
  }
  if (state === 'shutoff' && reason === '5.3') return 'crashed'                  // its QEMU died
  return state
}
