import { readJson, writeJson, type Layout } from './layout.ts'
import type { NetworkDriver, Options } from './options.ts'

/** What a cloud was first started as, and stays. */
export interface State { hypervisor: 'libvirt' | 'simulated'; hosts: number; externalCidr: string; networkDriver?: NetworkDriver; physical?: Record<string, string> }

export const readState = (at: Layout) => readJson<State>(at.in('cloud.json'))
export const writeState = (at: Layout, state: State) => writeJson(at.in('cloud.json'), state)

/** Options as they stand for a cloud that was started before; a contradiction is thrown. */
export function withState(options: Options, state?: State): Options & { hosts: number; networkDriver: NetworkDriver } {
  const hosts = options.hosts ?? state?.hosts ?? 1, networkDriver = options.networkDriver ?? state?.networkDriver ?? 'linuxbridge'
  if (options.networkDriver && (hosts < 2 || (options.hypervisor ?? state?.hypervisor) !== 'libvirt')) throw new Error('--network-driver is about several real hosts: --hypervisor libvirt --hosts 2, or more')
  const physical = options.physical ?? state?.physical
  if (!state) return { ...options, hosts, networkDriver, physical }
  const real = state.hypervisor === 'libvirt'
  const wanted = options.hypervisor ?? (hosts > 1 && !(real && state.hosts > 1) ? 'simulated' : state.hypervisor)
  if (wanted !== state.hypervisor) throw new Error(`${options.data} is a cloud with the ${state.hypervisor} hypervisor: name another --data folder for a ${wanted} one, or npm run reset this one`)
  // guests of several hosts are in their namespaces, those of one are the machine's own
  if (real && state.hosts > 0 && (state.hosts > 1 ? hosts < state.hosts : hosts > 1)) throw new Error(`${options.data} is a cloud with ${state.hosts} real ${state.hosts > 1 ? 'hosts, which can only become more' : 'host, and stays one'}`)
  if (real && state.hosts > 1 && networkDriver !== (state.networkDriver ?? 'linuxbridge')) throw new Error(`${options.data} is a cloud with the network driver ${state.networkDriver ?? 'linuxbridge'}: name another --data folder for ${networkDriver}, or npm run reset this one`)
  // asked for outright: servers made on real guests must not find themselves on a simulated host
  return { ...options, hosts, networkDriver, physical, hypervisor: state.hypervisor }
}
