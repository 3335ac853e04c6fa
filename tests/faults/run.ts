import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { LEASE } from '../../functions/kernel/queue.ts'
import { root } from '../../local/layout.ts'
import { percentile } from '../bench/load.ts'
import { Steps } from '../steps.ts'
import { crowd } from './crowd.ts'
import { Fleet } from './fleet.ts'
import { menu } from './menu.ts'
import { ingredients, kinds, type Kind } from './operations.ts'
import { databaseDown, storeDown } from './outage.ts'
import { planted } from './planted.ts'
import { stackTrials } from './stacks.ts'
import { Real, realIngredients } from './machines.ts'
import { realMenu, realPlanted, realWrongs } from './real.ts'
import { storm } from './storm.ts'
import { cleanUp, total, trials, type Trials } from './trials.ts'
import { wrongs } from './truth.ts'

const parts = ['planted', 'trials', 'stacks', 'crowd', 'outage', 'storm']
/** Only when they are named: they take long, or need root. */
const apart = ['real']
const usage = `npm run faults -- [--trials N] [--each N] [--size N] [--seed S] [--only LIST] [--faults LIST] [--operations LIST] [--from N] [--bridges N] [--bridge DIR] [--keep]

Real processes, simulated hosts, and things going wrong. The seed decides what goes wrong, when, and what is done meanwhile;
what the machine makes of it is its own.

  --trials N         rounds of operations, each with one fault in the middle (50)
  --each N           as many rounds as it takes for each operation to be taken N times, or, with --trials too, no more rounds than those
  --size N           operations of each kind in a round (1): the more, the more of them a fault meets under way
  --seed S           another seed, other trials
  --from N           begin with this trial: trial N of a seed has the same fault at the same instant in every run
  --minutes M        begin no trial after so long, and say what was found
  --only LIST        of ${parts.join(', ')}; and real, only when it is named: trials with two real hosts on this machine (root, libvirt)
  --faults LIST      of ${Object.keys(menu).join(', ')}
  --operations LIST  of ${kinds.join(', ')}
  --bridges N        hosts that come back at once in the storm (1000)
  --bridge DIR       the hosts run what lies in this checkout: an older release, or a newer
  --stacks N         turns of a stack with the functions killed in the middle (6)
  --resources N      of that stack (150)
  --keep             leave the cloud's folder for a look`

const text = { type: 'string' } as const
const wrong = (why: string): never => { console.error(`${why}\n\n${usage}`); process.exit(2) }
const { values } = (() => {
  try { return parseArgs({ options: { trials: text, each: text, size: { ...text, default: '1' }, seed: { ...text, default: String(Date.now() % 1_000_000) }, from: { ...text, default: '0' }, stacks: { ...text, default: '6' }, resources: { ...text, default: '150' }, bridges: { ...text, default: '1000' }, bridge: text, minutes: text, only: text, faults: text, operations: text, keep: { type: 'boolean' }, help: { type: 'boolean' } } }) } catch (e) { return wrong((e as Error).message) }
})()
const whole = (flag: 'trials' | 'each' | 'size' | 'seed' | 'from' | 'bridges' | 'stacks' | 'resources', least: number) => { const n = Number(values[flag]); return Number.isInteger(n) && n >= least ? n : wrong(`--${flag} takes a whole number from ${least}`) }
const list = <T extends string>(flag: 'only' | 'faults' | 'operations', of: readonly T[]) => (values[flag]?.split(',') ?? of) as T[]
const seed = whole('seed', 0), each = values.each === undefined ? Infinity : whole('each', 1), count = values.trials === undefined ? (values.each === undefined ? 50 : Infinity) : whole('trials', 1), size = whole('size', 1), from = whole('from', 0), bridges = whole('bridges', 1), only = list('only', parts), faults = list('faults', Object.keys(menu)), operations = list('operations', kinds)
for (const [flag, given, of] of [['only', only, [...parts, ...apart]], ['faults', faults, [...Object.keys(menu), ...Object.keys(realMenu)]], ['operations', operations, kinds]] as const) for (const one of given) if (!(of as readonly string[]).includes(one)) wrong(`--${flag}: there is no ${one}`)
if (values.help) { console.log(usage); process.exit(0) }

const steps = new Steps()
const end = values.minutes ? performance.now() + Number(values.minutes) * 60_000 : Infinity
if (Number.isNaN(end)) wrong('--minutes takes a number')
const s = (ms = 0) => `${(ms / 1000).toFixed(2)} s`
const none = (what: string, found: string[]) => { if (found.length) throw new Error(`${found.length} ${what}:\n${found.slice(0, 10).join('\n')}`) }
const planned = `${count === Infinity ? '' : `${count} `}trials${each === Infinity ? '' : `, until each operation was taken ${each} times`}`
const drawn = `seed ${seed}${from ? ` from ${from}` : ''}${size > 1 ? `, size ${size}` : ''}`
const commit = (() => { try { return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() } catch { return 'unknown' } })()

// A host that takes a moment for each act leaves moments to be killed in.
const c = await Fleet.simulated(3, { seed, latencyMs: [5, 60] })
process.on('exit', () => c.abandon())
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
c.kept = values.keep ?? false
if (values.bridge) c.program = path.resolve(values.bridge)
if (only.some((part) => part !== 'storm' && part !== 'real') && await steps.step('a cloud with three simulated hosts', () => c.begin().then(() => true))) await story()
if (c.child && !values.keep) await steps.step('npm run reset', () => c.reset())
if (only.includes('storm')) await steps.step(`${bridges} bridges come back at once: all served within 10 s, no job lost or done twice`, async () => {
  const { served, settled, jobs, lost } = await storm(bridges, Math.ceil(bridges / 5), seed)
  console.log(`      served again: p50 ${s(percentile(served, 50))}, p99 ${s(percentile(served, 99))}, the last ${s(percentile(served, 100))}; ${jobs} jobs done once each, ${lost} of them after nobody heard that they were handed out; all at rest after ${s(settled)}`)
})
if (only.includes('real')) await real()
process.exit(steps.close())

/** The same with libvirt, emulators and the kernel's network: two hosts on this machine. */
async function real() {
  const r = await Real.cloud()
  process.on('exit', () => { r.child?.kill(); if (!values.keep) for (const d of r.disks) try { d.unmount('lazy') } catch { /* gone already */ } })
  if (await steps.step('a cloud with two real hosts', () => r.start().then(() => true))) {
    await steps.step('a leak put there on purpose is found', () => realPlanted(r))
    const these = values.faults ? faults.filter((f) => f in realMenu) : Object.keys(realMenu)
    await steps.step(`${planned} on real hosts; ${drawn}, commit ${commit}`, async () => shown(await trials(r, {
      count, size, each, from, seed, end, faults: these, menu: realMenu, operations: new Set<Kind>(operations), of: await realIngredients(r), check: realWrongs, say: (line) => console.log(`      ${line}`),
      // How long emulators take is the machine's affair, waiting for a timer is not: what a host lost is handed out again because the host says so, long
      // before its lease ends. Whatever takes as long as a lease has waited for one, for a deadline, or for the last of a job's attempts.
    }), r.data, {}, operations, LEASE / 1000))
    await steps.step('everything deleted: nothing is left, in the rows or on the hosts', async () => none('things left', await cleanUp(r, realWrongs)))
  }
  if (!values.keep) await steps.step('npm run reset', () => r.reset())
}

async function story() {
  if (only.includes('planted')) await steps.step('a leak put there on purpose is found', () => planted(c))
  // What is stuck stays so: whatever else were tried would only say so again.
  if (only.includes('trials') && !await steps.step(`${planned}, each with one fault in the middle of operations; ${drawn}, commit ${commit}`, many)) return
  if (only.includes('stacks')) await steps.step(`${values.stacks} turns of a stack of ${values.resources} resources, kill -9 of the functions in the middle of each; seed ${seed}`, turns)
  if (only.includes('crowd')) await steps.step('200 creates at once in an anti-affinity group on three hosts: exactly three, and 197 that say why not', () => crowd(c, 200))
  if (only.includes('outage')) {
    await steps.step('the database is gone for a while: 503 with Retry-After, then everything goes on', () => databaseDown(c))
    await steps.step('the object store is gone for a while: 503 with Retry-After, then everything goes on', () => storeDown(c))
  }
  await steps.step('everything deleted: nothing is left, in the rows or on the hosts', async () => none('things left', await cleanUp(c)))
}

async function turns() {
  const t = await stackTrials(c, { count: whole('stacks', 1), from, seed, resources: whole('resources', 10), say: (line) => console.log(`      ${line}`) })
  console.log(`      ${t.trials} turns, ${t.kills} kills; they ended ${Object.entries(t.ends).map(([k, n]) => `${k} ${n}`).join(', ')}; p50 ${s(percentile(t.took, 50))}, longest ${s(Math.max(0, ...t.took))}`)
  none(`things wrong (in ${c.data})`, t.wrong)
  return true
}

async function many() {
  const possible = faults.filter((f) => f !== 'disk-full' || c.disks.length)
  return shown(await trials(c, {
    count, size, each, from, seed, end, faults: possible, menu, operations: new Set<Kind>(operations), of: await ingredients(c), say: (line) => console.log(`      ${line}`),
    check: async () => { c.setClock(0); return wrongs(c) },
  }), c.data, c.wire.counts)
}

function shown(t: Trials, data: string, wire: object = {}, kindsOf: readonly Kind[] = operations, promised = 10_000) {
  const all = Object.values(t.took).flat()
  console.log(`      ${t.trials} trials, ${total(t.asked)} requests; of each operation so many were taken: ${Object.entries(t.taken).map(([k, n]) => `${k} ${n}`).join(', ')}`)
  if (Object.keys(wire).length) console.log(`      on the wire: ${Object.entries(wire).map(([k, n]) => `${n} ${k}`).join(', ')}`)
  for (const [fault, took] of Object.entries(t.took)) console.log(`      ${fault.padEnd(18)} ${String(took.length).padStart(5)} at rest after recovery: p50 ${s(percentile(took, 50))}, p99 ${s(percentile(took, 99))}, longest ${s(Math.max(0, ...took))}`)
  console.log(`      ${'all'.padEnd(18)} ${String(all.length).padStart(5)} at rest after recovery: p50 ${s(percentile(all, 50))}, p99 ${s(percentile(all, 99))}, longest ${s(Math.max(0, ...all))}`)
  for (const { ms, what } of t.slowest) console.log(`      ${s(ms)}: ${what}`)
  none(`stuck (in ${data})`, t.stuck)
  none(`things wrong (in ${data})`, t.wrong)
  none('servers in ERROR although nothing failed', t.errors)
  // Operations that were all refused would prove nothing.
  const least = each !== Infinity ? each : t.trials < 30 ? 0 : 1
  none(`operations that were taken fewer than ${least} times`, kindsOf.filter((k) => operations.includes(k) && (t.taken[k] ?? 0) < least).map((k) => `${k} ${t.taken[k] ?? 0}: ${t.refused[k] ?? 'not asked for'}`))
  if ((percentile(all, 99) ?? 0) > promised) throw new Error(`p99 is ${s(percentile(all, 99))}, promised are ${s(promised)}`)
  return true
}
