import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { root } from '../../local/layout.ts'
import { percentile } from '../bench/load.ts'
import { Steps } from '../steps.ts'
import { crowd } from './crowd.ts'
import { Fleet } from './fleet.ts'
import { menu } from './menu.ts'
import { kinds, type Kind } from './operations.ts'
import { databaseDown, storeDown } from './outage.ts'
import { planted } from './planted.ts'
import { cleanUp, total, trials } from './trials.ts'

const parts = ['planted', 'trials', 'crowd', 'outage']
const usage = `npm run faults -- [--trials N] [--seed S] [--only LIST] [--faults LIST] [--operations LIST] [--from N] [--keep]

Real processes, simulated hosts, and things going wrong. The seed decides what goes wrong, when, and what is done meanwhile;
what the machine makes of it is its own.

  --trials N         rounds of operations, each with one fault in the middle (50)
  --seed S           another seed, other trials
  --from N           begin with this trial: trial N of a seed has the same fault at the same instant in every run
  --only LIST        of ${parts.join(', ')}
  --faults LIST      of ${Object.keys(menu).join(', ')}
  --operations LIST  of ${kinds.join(', ')}
  --keep             leave the cloud's folder for a look`

const text = { type: 'string' } as const
const wrong = (why: string): never => { console.error(`${why}\n\n${usage}`); process.exit(2) }
const { values } = (() => {
  try { return parseArgs({ options: { trials: { ...text, default: '50' }, seed: { ...text, default: String(Date.now() % 1_000_000) }, from: { ...text, default: '0' }, only: text, faults: text, operations: text, keep: { type: 'boolean' }, help: { type: 'boolean' } } }) } catch (e) { return wrong((e as Error).message) }
})()
const whole = (flag: 'trials' | 'seed' | 'from', least: number) => { const n = Number(values[flag]); return Number.isInteger(n) && n >= least ? n : wrong(`--${flag} takes a whole number from ${least}`) }
const list = <T extends string>(flag: 'only' | 'faults' | 'operations', of: readonly T[]) => (values[flag]?.split(',') ?? of) as T[]
const seed = whole('seed', 0), count = whole('trials', 1), from = whole('from', 0), only = list('only', parts), faults = list('faults', Object.keys(menu)), operations = list('operations', kinds)
for (const [flag, given, of] of [['only', only, parts], ['faults', faults, Object.keys(menu)], ['operations', operations, kinds]] as const) for (const one of given) if (!(of as readonly string[]).includes(one)) wrong(`--${flag}: there is no ${one}`)
if (values.help) { console.log(usage); process.exit(0) }

const steps = new Steps()
const s = (ms = 0) => `${(ms / 1000).toFixed(2)} s`
const none = (what: string, found: string[]) => { if (found.length) throw new Error(`${found.length} ${what}:\n${found.slice(0, 10).join('\n')}`) }
const commit = (() => { try { return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() } catch { return 'unknown' } })()

// A host that takes a moment for each act leaves moments to be killed in.
const c = await Fleet.simulated(3, { seed, latencyMs: [5, 60] })
process.on('exit', () => c.abandon())
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
if (await steps.step('a cloud with three simulated hosts', () => c.begin().then(() => true))) await story()
if (!values.keep) await steps.step('npm run reset', () => c.reset())
process.exit(steps.close())

async function story() {
  if (only.includes('planted')) await steps.step('a leak put there on purpose is found', () => planted(c))
  // What is stuck stays so: whatever else were tried would only say so again.
  if (only.includes('trials') && !await steps.step(`${count} trials, each with one fault in the middle of operations; seed ${seed}${from ? ` from ${from}` : ''}, commit ${commit}`, many)) return
  if (only.includes('crowd')) await steps.step('200 creates at once in an anti-affinity group on three hosts: exactly three, and 197 that say why not', () => crowd(c, 200))
  if (only.includes('outage')) {
    await steps.step('the database is gone for a while: 503 with Retry-After, then everything goes on', () => databaseDown(c))
    await steps.step('the object store is gone for a while: 503 with Retry-After, then everything goes on', () => storeDown(c))
  }
  await steps.step('everything deleted: nothing is left, in the rows or on the hosts', async () => none('things left', await cleanUp(c)))
}

async function many() {
  const t = await trials(c, { count, from, seed, faults, operations: new Set<Kind>(operations), say: (line) => console.log(`      ${line}`) })
  const all = Object.values(t.took).flat()
  console.log(`      ${t.trials} trials, ${total(t.asked)} requests; of each operation so many were taken: ${Object.entries(t.taken).map(([k, n]) => `${k} ${n}`).join(', ')}`)
  console.log(`      on the wire: ${Object.entries(c.wire.counts).map(([k, n]) => `${n} ${k}`).join(', ')}`)
  for (const [fault, took] of Object.entries(t.took)) console.log(`      ${fault.padEnd(18)} ${String(took.length).padStart(5)} at rest after recovery: p50 ${s(percentile(took, 50))}, p99 ${s(percentile(took, 99))}, longest ${s(Math.max(0, ...took))}`)
  console.log(`      ${'all'.padEnd(18)} ${String(all.length).padStart(5)} at rest after recovery: p50 ${s(percentile(all, 50))}, p99 ${s(percentile(all, 99))}, longest ${s(Math.max(0, ...all))}`)
  none(`stuck (in ${c.data})`, t.stuck)
  none('things wrong', t.wrong)
  none('servers in ERROR although nothing failed', t.errors)
  // Operations that were all refused would prove nothing.
  none('kinds of operation that never happened', count < 30 ? [] : operations.filter((k) => !t.taken[k]).map((k) => `${k}: ${t.refused[k] ?? 'not asked for'}`))
  if ((percentile(all, 99) ?? 0) > 10_000) throw new Error(`p99 is ${s(percentile(all, 99))}, promised are 10 s`)
  return true
}
