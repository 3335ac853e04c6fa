import { percentile, type Run } from './load.ts'
import { less, sum, type ByPart, type Processes } from './processes.ts'

export interface Figure { name: string; value: number; unit: string; note?: string; bar?: Bar; held?: boolean }
/** What was promised; `at` most or at `least`. */
export interface Bar { most?: number; least?: number }

/** What was measured, printed as it comes. */
export class Figures {
  readonly all: Figure[] = []
  readonly failures: string[] = []

  title(text: string) { console.log(`\n${text}`) }

  put(name: string, value: number | undefined, unit: string, of: { bar?: Bar; note?: string } = {}) {
    if (value === undefined || !Number.isFinite(value)) return this.fail(name, 'nothing was measured')
    const { bar, note } = of
    const held = bar && (bar.most === undefined || value <= bar.most) && (bar.least === undefined || value >= bar.least)
    this.all.push({ name, value: Number(value.toPrecision(5)), unit, note, bar, held })
    const promised = bar ? `  ${held ? 'holds' : 'MISSES'} ${bar.most !== undefined ? `<= ${bar.most}` : `>= ${bar.least}`}` : ''
    console.log(`  ${name.padEnd(46)}${show(value).padStart(10)} ${unit.padEnd(10)}${promised}${note ? `  (${note})` : ''}`)
  }

  fail(name: string, why: string) {
    this.failures.push(`${name}: ${why}`)
    console.log(`  ${name.padEnd(46)}    FAILED: ${why.slice(0, 300)}`)
  }

  /** A loop's failures, once per reason. */
  failed(name: string, run: Run<unknown>) {
    const reasons = Map.groupBy(run.failed, (why) => why)
    for (const [why, times] of reasons) this.fail(name, `${times.length} of ${run.ms.length}: ${why}`)
  }

  latency(name: string, ms: number[], bars: { p50?: number; p99?: number } = {}) {
    this.put(`${name} p50`, percentile(ms, 50), 'ms', bars.p50 === undefined ? {} : { bar: { most: bars.p50 } })
    this.put(`${name} p99`, percentile(ms, 99), 'ms', { ...(bars.p99 !== undefined && { bar: { most: bars.p99 } }), note: `${ms.length} times` })
  }

  cpu(name: string, spent: ByPart, n: number, most?: number) {
    const shares = Object.entries(spent).map(([k, v]) => [k, v / n] as const).filter(([, v]) => v >= 0.005).map(([k, v]) => `${k} ${show(v)}`)
    this.put(`${name} CPU`, sum(spent) / n, 'CPU ms', { ...(most !== undefined && { bar: { most } }), note: shares.join(', ') })
  }
}

/** Three digits are all that is meant. */
export const show = (n: number) => (Math.abs(n) >= 100 ? n.toFixed(0) : Math.abs(n) >= 10 ? n.toFixed(1) : Math.abs(n) >= 1 ? n.toFixed(2) : n.toFixed(3))

/** CPU of all the cloud's processes while `work` went on, and until what it left behind is done. */
export async function spent<T>(processes: Processes, work: () => Promise<T>, settled = true): Promise<{ out: T; cpu: ByPart }> {
  const before = processes.cpu()
  const out = await work()
  for (let at = processes.cpu(), tries = 0; settled && tries < 20; tries++) {
    await new Promise((wake) => setTimeout(wake, 250))
    const now = processes.cpu()
    if (sum(less(now, at)) < 30) break
    at = now
  }
  return { out, cpu: less(processes.cpu(), before) }
}
