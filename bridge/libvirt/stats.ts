import type { JobResult } from '../../schema/jobs.ts'
import type { Definition } from './definition.ts'

type Stats = JobResult<'domain.stats'>

/** What `virsh domstats` says of one guest, joined with what only its definition knows: addresses and when it began. */
export function stats(text: string, state: string, definition: Definition, now = Date.now()): Stats {
  const facts = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) facts.set(line.slice(0, at).trim(), line.slice(at + 1))
  }
  const n = (key: string) => Number(facts.get(key)) || 0
  const each = <T>(group: string, make: (prefix: string) => T) => Array.from({ length: n(`${group}.count`) }, (_, i) => make(`${group}.${i}`))
  const running = state === 'running' || state === 'paused'
  const memoryKb = n('balloon.current') || n('balloon.maximum')
  // Without a balloon driver in the guest there is no better answer than what its QEMU holds.
  const used = facts.has('balloon.unused') ? n('balloon.available') - n('balloon.unused') : Math.min(n('balloon.rss'), memoryKb)
  return {
    state,
    uptime: running && definition.started ? Math.max(0, Math.floor(now / 1000) - definition.started) : 0,
    cpuTimes: running ? Array.from({ length: n('vcpu.current') }, (_, i) => n(`vcpu.${i}.time`)) : [],
    memoryKb: running ? memoryKb : n('balloon.maximum'),
    memoryUsedKb: running ? used : 0,
    disks: each('block', (b) => ({
      device: facts.get(`${b}.name`) ?? '', readBytes: n(`${b}.rd.bytes`), readOps: n(`${b}.rd.reqs`), writeBytes: n(`${b}.wr.bytes`), writeOps: n(`${b}.wr.reqs`),
    })),
    nics: each('net', (e) => ({
      mac: definition.nics.find((nic) => nic.tap === facts.get(`${e}.name`))?.mac ?? '',
      rxBytes: n(`${e}.rx.bytes`), rxPackets: n(`${e}.rx.pkts`), rxErrors: n(`${e}.rx.errs`), rxDrops: n(`${e}.rx.drop`),
      txBytes: n(`${e}.tx.bytes`), txPackets: n(`${e}.tx.pkts`), txErrors: n(`${e}.tx.errs`), txDrops: n(`${e}.tx.drop`),
    })),
  }
}
