import { execFile } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { bridgeArgs } from './bridge.ts'
import { keptStores } from './external.ts'
import { configFile } from './host/many.ts'
import { releaseExternal } from './host/external.ts'
import { hostFolders, processes, shortLink, startLibvirt } from './host/libvirtd.ts'
import { isCloud, layout, node, root, type Layout } from './layout.ts'
import { end, fromPidfile } from './process.ts'
import { say, seconds, step } from './say.ts'
import { readState, type State } from './state.ts'
import { Supervisor } from './supervisor.ts'

/** npm run reset: stops whatever runs for a data folder and removes all of it: guests, host networking, the folder. */
async function reset(at: Layout): Promise<void> {
  const state = readState(at)
  await step('processes', async (note) => note(`${await stopEverything(at)} stopped`))
  const failures: string[] = [], many = hostFolders(at).length
  if (state && !many && state.hosts > 0 && existsSync(at.in('bridge'))) {
    await step('guests and networks', () => wipe(at, state)).catch((e: Error) => failures.push(e.message))
  }
  // what no bridge could be asked to end: emulators and daemons in this cloud's mount namespaces, and with them the mounts
  await Promise.all(processes(at).map(({ pid }) => end(pid, 2000)))
  if (many) await step(`${many} hosts`, () => unmake(at)).catch((e: Error) => failures.push(e.message))
  if (failures.length) throw new Error(`${failures.join('\n')}\n${at.dir} was left as it is, so that reset can be tried again`)
  for (const suffix of ['', ...hostFolders(at).map((dir) => `-${path.basename(dir)}`)]) rmSync(shortLink({ ...at, suffix }), { force: true })
  releaseExternal(at)
  const { s3, libsql } = keptStores(at)
  rmSync(at.dir, { recursive: true, force: true })
  if (libsql) say(`  its rows are still in the database at ${libsql.url}: that is for you to remove`)
  if (s3) say(`  its bytes are still in bucket ${s3.bucket} at ${s3.url}: that is for you to remove`)
}

async function stopEverything(at: Layout): Promise<number> {
  const runner = fromPidfile(path.join(at.run, 'runner.pid'), /local\/(start|dev)\.ts/)
  if (runner) await end(runner, 12_000)
  const names = existsSync(at.run) ? readdirSync(at.run).filter((name) => name.endsWith('.pid') && name !== 'runner.pid') : []
  const left = names.map((name) => fromPidfile(path.join(at.run, name), at.dir)).filter((pid) => pid !== undefined)
  await Promise.all(left.map((pid) => end(pid, 3000)))
  return left.length + (runner ? 1 : 0)
}

/** The bridge knows what it made. For guests it asks libvirt, which therefore runs once more. */
async function wipe(at: Layout, state: State): Promise<void> {
  const supervisor = new Supervisor(at, () => {})
  try {
    const libvirtUri = state.hypervisor === 'libvirt' ? await startLibvirt(at, supervisor) : undefined
    await promisify(execFile)(node, ['--disable-warning=ExperimentalWarning', ...bridgeArgs(at, { ...state, libvirtUri }), '--wipe'], { timeout: 120_000 })
      .catch((e: { stdout?: string; stderr?: string; message: string }) => { throw new Error(`the bridge could not remove everything: ${(e.stdout ?? '').trim().split('\n').at(-1) || e.stderr || e.message}`) })
  } finally { await supervisor.stopAll() }
}

/** Hosts in namespaces went with their processes; what they were connected by is left. */
async function unmake(at: Layout): Promise<void> {
  const late = processes(at)
  await Promise.all(late.map(({ pid }) => end(pid, 2000)))
  if (!existsSync(configFile(at))) return
  await promisify(execFile)(node, ['--disable-warning=ExperimentalWarning', path.join(root, 'local', 'host', 'bridges.ts'), at.dir, '--wipe'], { timeout: 120_000 })
    .catch((e: { stdout?: string; message: string }) => { throw new Error(`what connects the hosts could not be removed: ${(e.stdout ?? '').trim() || e.message}`) })
}

function dataFolder(): string {
  try { return parseArgs({ options: { data: { type: 'string', default: 'data' } } }).values.data } catch (e) {
    console.error(`${(e as Error).message}\n\nnpm run reset -- [--data DIR]`)
    process.exit(2)
  }
}

const at = layout(path.resolve(dataFolder()))
const since = performance.now()
if (!existsSync(at.dir)) say(`${at.dir} is not there: nothing to remove`)
else if (!isCloud(at.dir)) {
  console.error(`${at.dir} is not a data folder of virga: nothing was removed`)
  process.exit(1)
} else {
  try { await reset(at) } catch (e) { console.error((e as Error).message); process.exit(1) }
  say(`${at.dir} removed (${seconds(since)})`)
}
