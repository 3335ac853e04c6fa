import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Figures } from './figures.ts'
import { growth } from './growth.ts'
import { hosts as onHosts } from './hosts.ts'
import { identity } from './identity.ts'
import { lists } from './lists.ts'
import { neighbours } from './neighbours.ts'
import { orchestration } from './orchestration.ts'
import { ports } from './ports.ts'
import { machine } from './processes.ts'
import { queue } from './queue.ts'
import { noLimits, servers } from './servers.ts'
import { again, idle, start } from './start.ts'
import type { Subject } from './subject.ts'
import { templates } from './templates.ts'
import { tokens } from './tokens.ts'
import { volumes } from './volumes.ts'

const usage = `npm run bench -- [PART…] [--quick] [--scale N] [--hosts N] [--json FILE]

Measures a cloud of its own, in a temporary folder: CPU milliseconds over all its processes (steady even where others use
the machine), latency and rate (they are not), beside what was promised. Takes about five minutes.

  PART           of idle, tokens, lists, servers, growth, ports, volumes, orchestration, queue, templates, restart; and identity, which is not among them unless it is
                 named: tokens by every way to get one, and lists with up to a million users (three minutes). Also as --only LIST
                 hosts, only when it is named: real ones, with libvirt and the kernel's network; needs root (ten minutes, most of it 50 guests that boot)
  --quick        a tenth of everything, tables up to 10,000 rows
  --scale N      so much of every count (1)
  --hosts N      simulated hosts (100)
  --boots N      servers started at once, by the part hosts (50)
  --ports N      ports found again after a restart, by the part hosts (1000)
  --moves N      live migrations, by the part hosts (10)
  --json FILE    the figures, for programs`

/** In this order: what is measured late meets what was made before. */
const parts: Record<string, (s: Subject) => Promise<void>> = { idle, tokens, lists, servers, neighbours, growth, ports, volumes, orchestration, restart: again, identity }

let options, named: string[]
try {
  ({ values: options, positionals: named } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' }, quick: { type: 'boolean' }, scale: { type: 'string' }, hosts: { type: 'string', default: '100' }, boots: { type: 'string', default: '50' }, ports: { type: 'string', default: '1000' }, moves: { type: 'string', default: '10' }, json: { type: 'string' }, help: { type: 'boolean' } } }))
} catch (e) {
  console.error(`${(e as Error).message}\n\n${usage}`)
  process.exit(2)
}
const only = options.only || named.length ? [...options.only?.split(',') ?? [], ...named] : [...Object.keys(parts).filter((name) => name !== 'identity'), 'queue', 'templates']
const scale = Number(options.scale ?? (options.quick ? 0.1 : 1)), hosts = Number(options.hosts)
const many = { boots: Number(options.boots), ports: Number(options.ports), moves: Number(options.moves) }, apart = ['queue', 'templates', 'hosts']
const unknown = only.find((name) => !apart.includes(name) && !parts[name])
if (options.help || unknown || !(scale > 0 && scale <= 10) || !(Number.isInteger(hosts) && hosts > 0 && hosts <= 1000) || !Object.values(many).every((n) => Number.isInteger(n) && n > 0) || many.ports < 10 || many.ports > 10_000) {
  console.error(unknown ? `there is no part ${unknown}\n\n${usage}` : usage)
  process.exit(options.help ? 0 : 2)
}

const figures = new Figures()
const on = machine()
console.log(`${on.cpu}, ${on.cores} cores, ${on.memoryGb} GiB, Linux ${on.kernel}, Node ${on.node}; load ${on.load.join(' ')} before the start`)
const inOrder = Object.keys(parts).filter((name) => only.includes(name))
if (inOrder.length) {
  const s = await start(hosts, figures, scale)
  let over = false
  const end = async () => { if (!over) { over = true; await s.cloud.reset() } }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().finally(() => process.exit(130)))
  try {
    await noLimits(s)
    for (const name of inOrder) await parts[name](s).catch((e) => figures.fail(name, (e as Error).message))
  } finally { await end() }
}
if (only.includes('queue')) await queue(figures, scale)
if (only.includes('hosts')) await onHosts(figures, scale, many)
if (only.includes('templates')) await templates(figures)

const bars = figures.all.filter((f) => f.bar)
console.log(`\nload ${machine().load.join(' ')} at the end\n${bars.filter((f) => f.held).length} of ${bars.length} bars hold; ${figures.failures.length} failures`)
for (const f of bars.filter((f) => !f.held)) console.log(`  missed: ${f.name}: ${f.value} ${f.unit}, promised ${f.bar!.most !== undefined ? `at most ${f.bar!.most}` : `at least ${f.bar!.least}`}`)
if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine: on, scale, hosts, figures: figures.all, failures: figures.failures }, null, 2)}\n`)
process.exit(figures.failures.length ? 1 : 0)
