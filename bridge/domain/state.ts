import { Terminal, type DomainState, type Virt } from '../drivers.ts'

/** The guest has no processor running: nothing to stop, nothing to hot-plug. */
export const off = (state: DomainState) => state === 'absent' || state === 'shutoff' || state === 'crashed' || state === 'saved'

/** Refuses what the state of the guest rules out. */
export async function need(virt: Virt, uuid: string, ...allowed: DomainState[]): Promise<DomainState> {
  const state = await virt.state(uuid)
  if (state === 'absent' && !allowed.includes(state)) throw new Terminal(`guest ${uuid} is not on this host`)
  if (!allowed.includes(state)) throw new Terminal(`guest ${uuid} is ${state}, not ${allowed.join(' or ')}`)
  return state
}

/** vncPort only where there is one: results carry no `undefined`. */
export async function screen(virt: Virt, uuid: string): Promise<{ vncPort?: number }> {
  const vncPort = await virt.vncPort(uuid)
  return vncPort === undefined ? {} : { vncPort }
}
