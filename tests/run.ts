import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { documents } from '../local/openapi.ts'
import { root } from '../local/layout.ts'
import { onlyTighter, TABLE } from '../local/tighten.ts'
import { sh, Steps } from './steps.ts'

/**
 * npm test: proves the whole thing, from types to a real guest. `--only types,unit,documents,stores,faults,clients,federation,host` picks parts,
 * and `hosts`, which is not among them unless it is named: several real hosts on this machine;
 * `--trials N` sets the number of crash trials; their seed is always the same one here (`npm run faults` draws one each time).
 */
const { values } = parseArgs({ options: { only: { type: 'string' }, trials: { type: 'string', default: '16' } }, allowPositionals: true })
const parts = values.only?.split(',') ?? ['types', 'unit', 'documents', 'stores', 'faults', 'clients', 'federation', 'host']
const steps = new Steps()
const bin = (name: string) => path.join(root, 'node_modules/.bin', name)
/** Runs a script of its own steps, saying what it says as it says it. */
const script = (file: string, args: string[] = []) => new Promise<void>((done, fail) => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(root, file), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', (line) => console.log(`  ${line}`))
  child.on('error', fail)
  child.on('close', (code, signal) => code === 0 ? done() : fail(new Error(`${file} ended with ${signal ?? code}`)))
})

if (parts.includes('types')) await steps.step('types', () => sh(bin('tsc'), ['--noEmit'], { cwd: root }))
if (parts.includes('unit')) {
  await Promise.all(['workerd', 'node'].map((project) => steps.step(`unit and contract tests (${project})`, () => vitest(project))))
}
if (parts.includes('documents')) {
  await steps.step('OpenAPI documents and coverage are those of the code', async () => {
    const old = [...await documents()].filter(([file, text]) => read(file) !== text).map(([file]) => file)
    if (old.length) throw new Error(`run \`npm run openapi\` and commit: ${old.join(', ')}`)
  })
  await steps.step('the policy only got tighter', async () => onlyTighter((await documents()).get(TABLE)!))
}
for (const [part, file, args] of [['stores', 'tests/stores/run.ts', []], ['faults', 'tests/faults/run.ts', ['--trials', values.trials, '--bridges', '100', '--seed', '154869']], ['clients', 'tests/clients/run.ts', []], ['federation', 'tests/clients/federation.ts', []],
  ['hosts', 'tests/clients/hosts.ts', []], ['hosts', 'tests/hosts/moves.ts', []], ['hosts', 'tests/hosts/packets.ts', []],
  ['hosts', 'tests/hosts/packets.ts', ['--network-driver', 'openvswitch']], ['hosts', 'tests/hosts/provider.ts', []]] as const) {
  if (!parts.includes(part)) continue
  await steps.step(part, () => script(file, [...args]))
}
// Last, for what they need of the machine has been installed by then.
if (parts.includes('host')) await steps.step('the bridge on this machine: libvirt, QEMU, the kernel\'s network', () => vitest('host'))
process.exit(steps.close())

async function vitest(project: string) {
  const r = await sh(bin('vitest'), ['run', '--project', project], { cwd: root, timeout: 1_500_000, fails: true, env: { ...process.env, NO_COLOR: '1' } })
  console.log(r.stdout.split('\n').filter((l) => r.code ? !/^ ✓/.test(l) : /Tests|Test Files/.test(l)).slice(-200).join('\n'))
  // What failed and where comes after all that was said on the way.
  if (r.code) throw new Error(`vitest failed: ${r.stderr.slice(Math.max(r.stderr.lastIndexOf('Failed Tests'), r.stderr.lastIndexOf('Failed Suites'), 0)).slice(0, 8000)}`)
}

function read(file: string) { try { return readFileSync(path.join(root, file), 'utf8') } catch { return '' } }
