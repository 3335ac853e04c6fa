import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { documents } from '../local/openapi.ts'
import { root } from '../local/layout.ts'
import { sh, Steps } from './steps.ts'

/**
 * npm test: proves the whole thing, from types to a real guest. `--only types,unit,documents,stores,faults,clients` picks parts;
 * `--trials N` sets the number of crash trials.
 */
const { values } = parseArgs({ options: { only: { type: 'string' }, trials: { type: 'string', default: '50' } }, allowPositionals: true })
const parts = values.only?.split(',') ?? ['types', 'unit', 'documents', 'stores', 'faults', 'clients']
const steps = new Steps()
const bin = (name: string) => path.join(root, 'node_modules/.bin', name)
const script = (file: string, args: string[] = []) => sh(process.execPath, [path.join(root, file), ...args], { cwd: root, timeout: 3_000_000 })

if (parts.includes('types')) await steps.step('types', () => sh(bin('tsc'), ['--noEmit'], { cwd: root }))
if (parts.includes('unit')) {
  for (const project of ['workerd', 'node']) {
    await steps.step(`unit and contract tests (${project})`, async () => {
      const r = await sh(bin('vitest'), ['run', '--project', project], { cwd: root, timeout: 1_500_000, fails: true, env: { ...process.env, NO_COLOR: '1' } })
      console.log(r.stdout.split('\n').filter((l) => r.code ? !/^ ✓/.test(l) : /Tests|Test Files/.test(l)).slice(-200).join('\n'))
      if (r.code) throw new Error(`vitest failed: ${r.stderr.slice(-2000)}`)
    })
  }
}
if (parts.includes('documents')) {
  await steps.step('OpenAPI documents and coverage are those of the code', async () => {
    const old = [...await documents()].filter(([file, text]) => read(file) !== text).map(([file]) => file)
    if (old.length) throw new Error(`run \`npm run openapi\` and commit: ${old.join(', ')}`)
  })
}
for (const [part, file, args] of [['stores', 'tests/stores/run.ts', []], ['faults', 'tests/faults/run.ts', ['--trials', values.trials]], ['clients', 'tests/clients/run.ts', []]] as const) {
  if (!parts.includes(part)) continue
  await steps.step(part, async () => {
    const r = await script(file, [...args])
    console.log(r.stdout.trimEnd().replace(/^/gm, '  '))
  })
}
process.exit(steps.close())

function read(file: string) { try { return readFileSync(path.join(root, file), 'utf8') } catch { return '' } }
