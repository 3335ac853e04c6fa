import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { workerd, type Functions } from './functions.ts'
import { make, writeFile, type Layout } from './layout.ts'
import { parse, usage, Usage, type Options } from './options.ts'
import { fromPidfile, orphaned } from './process.ts'
import { say, seconds } from './say.ts'
import { Supervisor } from './supervisor.ts'
import { afresh, tidyAfter } from '../bridge/core/tidy.ts'
import { up, type Cloud } from './up.ts'

/** npm start: a whole cloud on this machine, in the foreground, until it is told to stop. */
export async function main(args: string[], functions: Functions): Promise<void> {
  const since = performance.now()
  process.stdout.on('error', () => {})   // whoever read our lines has gone; the cloud has not
  let options: Options
  try { options = parse(args) } catch (e) {
    if (!(e instanceof Usage)) throw e
    console.error(e.message ? `${e.message}\n\n${usage}` : usage)
    process.exit(e.message ? 2 : 0)
  }
  let at: Layout
  try { at = make(options.data) } catch (e) {
    console.error((e as Error).message)
    process.exit(2)
  }
  const supervisor = new Supervisor(at, say)
  const pidfile = path.join(at.run, 'runner.pid')
  let stopping: Promise<never> | undefined, heartbeat: NodeJS.Timeout | undefined
  const stop = (code: number) => stopping ??= (async () => {
    clearInterval(heartbeat)
    writeFile(stoppingMark(at), '')
    await supervisor.stopAll(['bridge', 'functions']).catch((e) => { console.error((e as Error).message); code = 1 })
    for (const file of [pidfile, stoppingMark(at)]) rmSync(file, { force: true })
    process.exit(code)
  })()
  try {
    await alone(at, pidfile)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { if (!stopping) say('stopping; guests keep running'); void stop(0) })
    watchParent(() => void stop(0))
    say(`virga: data in ${at.dir}`)
    const cloud = await up(options, at, supervisor, functions)
    heartbeat = keep(cloud, supervisor, () => !!stopping)
    greet(at, cloud, seconds(since))
    tidyAfter(5000)
  } catch (e) {
    if (stopping) return
    console.error(`\n${(e as Error).message}`)
    await stop(1)
  }
}

/**
 * One runner per data folder. One that is stopping, or whose own starter is gone (killed outright) and that will stop
 * for it, is waited for; any other is in the way.
 */
async function alone(at: Layout, pidfile: string): Promise<void> {
  const since = performance.now()
  const other = () => fromPidfile(pidfile, /local\/(start|dev)\.ts/)
  for (let pid = other(); pid && pid !== process.pid; pid = other()) {
    const waited = performance.now() - since
    const leaving = existsSync(stoppingMark(at)) || orphaned(pid)
    if (waited > (leaving ? 15_000 : 2000)) {
      console.error(`${at.dir} is in use: npm start runs for it as process ${pid}`)
      process.exit(1)
    }
    await sleep(100)
  }
  rmSync(stoppingMark(at), { force: true })
  writeFile(pidfile, `${process.pid}\n`, 0o644)
}

const stoppingMark = (at: Layout) => path.join(at.run, 'stopping')

/** The bootstrap that started this may be killed outright, and then passes no signal on. */
function watchParent(gone: () => void): void {
  const parent = Number(process.env.VIRGA_PARENT)
  if (parent && process.ppid === parent) setInterval(() => { if (process.ppid !== parent) gone() }, 500).unref()
}

/** Every second the sweeps' heartbeat; now and then, logs cut short. */
function keep({ control }: Cloud, supervisor: Supervisor, stopping: () => boolean): NodeJS.Timeout {
  let busy = false, failing = false, beats = 0
  return setInterval(async () => {
    if (++beats % 30 === 0) supervisor.trimLogs()
    if (busy) return
    busy = true
    try { await control.tick(); failing = false } catch (e) {
      if (!failing && !stopping()) console.error(`sweeps: ${(e as Error).message}; trying on`)
      failing = true
    }
    busy = false
  }, 1000)
}

function greet(at: Layout, { url, simulated }: Cloud, took: string): void {
  say(`
virga is ready at ${url} (${took})
${simulated ? `\n  The host is simulated (${simulated}): servers exist in name only.\n` : ''}
  as demo:   . ${at.in('demo-openrc')}
  as admin:  . ${at.in('openrc')}
  or both:   export OS_CLIENT_CONFIG_FILE=${at.in('clouds.yaml')}   (clouds: virga, virga-demo)

  a first server:
  . ${at.in('demo-openrc')} && openstack server create --image tiny --flavor m1.nano --network demo --wait first

  Ctrl-C stops the cloud; servers keep running. npm run reset -- --data ${at.dir} removes everything.`)
}

if (import.meta.main) {
  await afresh()
  await main(process.argv.slice(2), workerd)
}
