import type { Links } from './links.ts'
import { wired, type Network, type Plan } from './plan.ts'
import { each } from './run.ts'

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
  /**
   * Makes the host equal to the plan, after the bridges are there: devices made, in their bridges, up, and leading to
   * where they should. Gives the networks that cannot be carried, with a line of why for each in `problems`.
   */
  carry(plan: Plan, have: Links, problems: string[]): Promise<Set<string>>
  /** The process that carries frames, where that is one: another has to be told everything again. Undefined: none runs. */
  runs?(): Promise<number | undefined>
  /** Removes what the kernel's devices, which go anyway, are not. */
  wipe?(): Promise<void>
}

/** Whether a network is on other hosts than the one with this address, too. */
export const spans = (n: Network, underlay: string | undefined): boolean => underlay !== undefined && !wired(n) && n.peers.some((p) => p !== underlay)

/** One for networks of the cloud's own, one for those on wires. */
export function together(inside: Carrier, out: Carrier): Carrier {
  const of = (n: Network) => wired(n) ? out : inside
  return {
    device: (n) => of(n).device(n),
    devices: (n) => of(n).devices(n),
    runs: inside.runs,
    async carry(plan, have, problems) {
      const lost = new Set<string>()
      await each([inside, out], async (c) => { for (const id of await c.carry(plan, have, problems)) lost.add(id) })
      return lost
    },
    async wipe() { await each([inside, out], async (c) => c.wipe?.()) },
  }
}
