import type { JobResult } from '../../schema/jobs.ts'
import type { Guest } from './virt.ts'

/** Counters of a mostly idle guest: they grow with its uptime and never run backwards while it is up. */
export function guestStats({ spec, state, boots }: Guest, now: number): JobResult<'domain.stats'> {
  const up = state === 'running' || state === 'paused'
  const uptime = up ? Math.max(0, Math.floor((now - (boots.at(-1) ?? now)) / 1000)) : 0
  const count = (base: number, perSecond: number) => up ? base + uptime * perSecond : 0
  const memoryKb = spec.memoryMb * 1024
  return {
    state, uptime, memoryKb,
    memoryUsedKb: up ? Math.floor(memoryKb * 0.2) : 0,
    cpuTimes: Array.from({ length: spec.vcpus }, (_, cpu) => count(1_500_000_000 - Math.min(cpu, 9) * 100_000_000, 10_000_000)),
    disks: spec.disks.map(({ device }) => ({
      device, readBytes: count(21_000_000, 0), readOps: count(900, 0), writeBytes: count(1_048_576, 512), writeOps: count(120, 1),
    })),
    nics: spec.nics.map(({ mac }) => ({
      mac, rxBytes: count(4200, 60), rxPackets: count(28, 1), rxErrors: 0, rxDrops: 0, txBytes: count(3600, 40), txPackets: count(24, 1), txErrors: 0, txDrops: 0,
    })),
  }
}
