import type { Candidate } from './hosts.ts'
import type { Wish } from './filters.ts'

/** The more, the better; each is scaled to 0…1 over the hosts at hand before it is multiplied. */
export interface Weigher { multiplier: number; weigh: (host: Candidate, wish: Wish) => number }

export const weighers: Record<string, Weigher> = {
  memory: { multiplier: 1, weigh: (h) => h.freeMemoryMb },
  vcpus: { multiplier: 1, weigh: (h) => h.freeVcpus },
  disk: { multiplier: 1, weigh: (h) => h.freeDiskGb },
  /** Soft rules outweigh room. */
  group: { multiplier: 10, weigh: (h, { group }) => group?.policy === 'soft-affinity' ? h.groupMembers : group?.policy === 'soft-anti-affinity' ? -h.groupMembers : 0 },
}

/** Weights of hosts, in their order. */
export function weights(hosts: Candidate[], wish: Wish): number[] {
  const totals = hosts.map(() => 0)
  for (const { multiplier, weigh } of Object.values(weighers)) {
    const raw = hosts.map((h) => weigh(h, wish))
    const min = Math.min(...raw), span = Math.max(...raw) - min
    if (span > 0) raw.forEach((w, i) => { totals[i] += multiplier * (w - min) / span })
  }
  return totals
}
