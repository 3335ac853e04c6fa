import type { Net } from '../drivers.ts'
import { outside, type Desired } from '../../schema/hosts.ts'
import type { Act } from './mischief.ts'

/** A network that is always as desired: ports are up the moment they are asked for. */
export function simulatedNet(act: Act): Net {
  let ports: string[] = []
  return {
    blind: true,
    physical: [outside, 'physnet1'],
    apply: (desired: Desired) => act('net.apply', () => { ports = desired.ports.filter(({ up }) => up).map(({ id }) => id) }),
    ports: async () => ports,
    tap: (port) => `sim-${port.slice(0, 8)}`,
    ready: () => act('net.ready', () => {}),
    connections: async () => new Map(),
    takeOn: async () => {},
    guests() {},
    async wipe() { ports = [] },
    async close() {},
  }
}
