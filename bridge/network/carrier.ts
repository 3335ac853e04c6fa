import type { Links } from './links.ts'
import type { Network, Plan } from './plan.ts'

/**
 * How networks leave the host. On this side a network is a bridge with taps, filters, DHCP and routers, whoever carries
 * it; a carrier puts one device into that bridge, and what goes in there comes out on the network's other hosts. It says
 * by which device, so that filters know what is the host's own business and must not go that way.
 */
export interface Carrier {
  /** The device in the network's bridge that frames leave and arrive by. Undefined: the network ends at this host. */
  device(n: Network): string | undefined
  /** All devices with names of ours that this takes; others are removed. */
  devices(n: Network): string[]
  /** Makes the host equal to the plan, after the bridges are there: devices made, in their bridges, up, and leading to where they should. */
  carry(plan: Plan, have: Links): Promise<void>
  /** The process that carries frames, where that is one: another has to be told everything again. Undefined: none runs. */
  runs?(): Promise<number | undefined>
  /** Removes what the kernel's devices, which go anyway, are not. */
  wipe?(): Promise<void>
}

/** Whether a network is on other hosts than the one with this address, too. */
export const spans = (n: Network, underlay: string | undefined): boolean => underlay !== undefined && !n.external && n.peers.some((p) => p !== underlay)
