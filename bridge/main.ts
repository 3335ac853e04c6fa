import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { logged } from './core/fault.ts'
import { loaded, startFleet, wipeFleet } from './core/fleet.ts'
import { flags as read, Usage, usage, type Flags } from './core/flags.ts'
import { logger } from './core/log.ts'
import { afresh, tidyAfter } from './core/tidy.ts'

/** The bridge: one per hypervisor. It asks the control plane for work and makes this machine as it should be. */
const log = logger((line) => process.stdout.write(line))
const grace = 5000
// Whoever read the log may be gone; the host's work goes on without.
process.stdout.on('error', () => {})

async function main(flags: Flags) {
  if (flags.wipe) {
    await wipeFleet(flags, log)
    log('wiped')
    // Whatever a driver still listens to has nothing more to say.
    process.exit(0)
  }
  await afresh(() => loaded(flags))
  if (flags.pidfile) writeFileSync(flags.pidfile, `${process.pid}\n`)
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const ending = new AbortController()
  const end = async (signal: string) => {
    if (ending.signal.aborted) process.exit(1)
    ending.abort()
    log('stopping', { signal })
    const hosts = await started.catch(() => [])
    await Promise.all(hosts.map((host) => host.stop(grace)))
    if (flags.pidfile) rmSync(flags.pidfile, { force: true })
    process.exit(0)
  }
  process.on('SIGTERM', end).on('SIGINT', end)
  const started = startFleet(flags, version, log, ending.signal)
  const hosts = await started
  tidyAfter(10_000)
  if (!ending.signal.aborted) log('ready', { hosts: hosts.length, hypervisor: flags.hypervisor, version })
}

try {
  await main(read(process.argv.slice(2)))
} catch (error) {
  if (error instanceof Usage) {
    process.stderr.write(`${error.message ? `${error.message}\n` : ''}${usage}\n`)
    process.exit(2)
  }
  log('the bridge cannot start', { error: logged(error) })
  process.exit(1)
}
