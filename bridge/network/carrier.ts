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
}
