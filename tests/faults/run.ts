import { parseArgs } from 'node:util'
import { Running } from '../harness/running.ts'
import { Steps } from '../steps.ts'
import { crowd } from './crowd.ts'
import { databaseDown, storeDown } from './outage.ts'
import { planted } from './planted.ts'
import { cleanUp, trials } from './trials.ts'

/**
 * npm run faults -- [--trials N] [--seed S] [--keep]: real processes, a simulated host, and things going wrong. The seed decides
 * what is done and when the kills fall; what the machine makes of it is its own.
 */
const { values } = parseArgs({ options: { trials: { type: 'string', default: '50' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) }, keep: { type: 'boolean' } } })
const seed = Number(values.seed), count = Number(values.trials)
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) { console.error('--trials and --seed take whole numbers'); process.exit(2) }
const steps = new Steps()
const ms = (n: number) => `${(n / 1000).toFixed(2)} s`
const none = (what: string, found: string[]) => { if (found.length) throw new Error(`${found.length} ${what}:\n${found.slice(0, 10).join('\n')}`) }

// A host that takes a moment for each act leaves moments to be killed in.
const c = await Running.make(['--hypervisor', 'simulated', '--hosts', '3', '--no-host-packages'], { VIRGA_SIM: JSON.stringify({ seed, latencyMs: [5, 60] }) })
process.on('exit', () => c.child?.kill())
if (await steps.step('a cloud with three simulated hosts', () => c.start().then(() => true))) {
  await steps.step('a leak put there on purpose is found', () => planted(c))
  await steps.step(`kill -9 in the middle of creates, deletes, attaches and detaches: ${count} trials, seed ${seed}`, async () => {
    const t = await trials(c, count, seed, (line) => console.log(`      ${line}`))
    console.log(`      ${t.trials} trials (${Object.entries(t.killed).map(([k, n]) => `${k} killed ${n} times`).join(', ')}), ${t.interrupted} operations (taken: ${Object.entries(t.taken).map(([k, n]) => `${n} ${k}s`).join(', ')}); at rest after recovery: p50 ${ms(t.p50)}, p99 ${ms(t.p99)}, longest ${ms(t.worst)}; seed ${seed}`)
    none(`stuck (in ${c.data})`, t.stuck)
    none('things wrong', t.wrong)
    none('servers in ERROR although nothing failed', t.errors)
    // Operations that were all refused would prove nothing.
    none('kinds of operation that never happened', count < 10 ? [] : Object.entries(t.taken).filter(([, n]) => n < count / 10).map(([k, n]) => `${k}: ${n}`))
    if (t.p99 > 10_000) throw new Error(`p99 is ${ms(t.p99)}, promised are 10 s`)
  })
  await steps.step('200 creates at once in an anti-affinity group on three hosts: exactly three, and 197 that say why not', () => crowd(c, 200))
  await steps.step('the database is gone for a while: 503 with Retry-After, then everything goes on', () => databaseDown(c))
  await steps.step('the object store is gone for a while: 503 with Retry-After, then everything goes on', () => storeDown(c))
  await steps.step('everything deleted: nothing is left, in the rows or on the hosts', async () => none('things left', await cleanUp(c)))
}
if (!values.keep) await steps.step('npm run reset', () => c.reset())
process.exit(steps.close())
