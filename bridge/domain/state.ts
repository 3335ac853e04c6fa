import { Terminal, type DomainState, type Virt } from '../drivers.ts'

/** The next start builds the guest anew from its spec, so there is nothing to plug in or out now. */
export const cold = (state: DomainState) => state === 'absent' || state === 'shutoff' || state === 'crashed'

/** No processor runs. Saved is off too, but its memory expects the devices it had. */
export const off = (state: DomainState) => cold(state) || state === 'saved'

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
