import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drivers } from '../drivers.ts'
import type { Desired } from '../../schema/hosts.ts'
import { claims } from './claims.ts'
import { Cloud } from './cloud.ts'
import { Desk } from './desk.ts'
import { DesiredState } from './desired.ts'
import type { Executors } from './executor.ts'
import { logged } from './fault.ts'
import { Arrivals } from '../move/arrivals.ts'
import { Guests } from './guests.ts'
import { Reporting } from './inventory.ts'
import type { Log } from './log.ts'
import { atMost } from './pause.ts'
import { relay } from './relay.ts'
import { Screens } from './screens.ts'
import type { Signer } from './sign.ts'

export interface HostParts {
  cloud: string
  signer: Signer
  drivers: Drivers
  executors: Executors
  /** The host's own folder. */
  state: string
  version: string
  /** Jobs at a time. */
  slots: number
  /** Guests read metadata here, so it is kept ready, and the last desired state survives a restart. */
  serves: boolean
  /** Seconds a claim waits for work. */
  wait?: number
  log: Log
}

export interface Host {
  /** Claims no more, gives running jobs this long, leaves guests alone. */
  stop(graceMs: number): Promise<void>
}

/** One host at work: claims, network, inventory. */
export async function startHost(of: HostParts): Promise<Host> {
  const { drivers, log } = of
  const claiming = new AbortController()
  const ending = new AbortController()
  const cloud = new Cloud(of.cloud, of.signer)
  const arrivals = new Arrivals(join(of.state, 'arrivals'), drivers.moves, drivers.door)
  const screens = new Screens(cloud, log)
  const guests = new Guests({ cloud, folder: join(of.state, 'guests'), log })
  const reporting = new Reporting({ cloud, drivers, version: of.version, revision: () => desired.revision, log, signal: claiming.signal })
  let written: Promise<void> = Promise.resolve(), followed = written
  const desired = new DesiredState({
    cloud, net: drivers.net, log, signal: claiming.signal,
    // What guests are told is fetched while their network is made.
    told(document) { if (of.serves) followed = guests.follow(document.guests).catch((error) => log('guest data not followed', { error: logged(error) })) },
    applied(document, own) {
      if (own) reporting.touch()
      // One after the other, so that the newest is the one that stays.
      if (of.serves) written = written.then(() => keep(of.state, document)).catch((error) => log('desired state not kept', { error: logged(error) }))
    },
  })
  const desk = new Desk({
    cloud, executors: of.executors, slots: of.slots, log, signal: ending.signal, changed: () => reporting.touch(),
    lent: {
      virt: drivers.virt, disks: drivers.disks, images: drivers.images, net: drivers.net, moves: drivers.moves, arrivals,
      ready: (nics, signal) => desired.ready(nics, signal),
      show: (what, screen) => screens.show(what, screen),
      async guest(server) {
        const guest = await cloud.guest(server)
        if (!guest) throw new Error('the control plane has no data for this guest')
        return guest
      },
    },
  })
  drivers.net.guests((server) => guests.lookup(server), relay(of.cloud))
  drivers.net.confirms?.(() => desired.refresh())
  drivers.virt.onChange?.(() => reporting.touch())
  await arrivals.recall(log)
  if (of.serves) await recall(of.state, desired, guests, log)
  const loops = [reporting.run(), claims({ cloud, desk, desired, wait: of.wait ?? 20, log, signal: claiming.signal })]

  return {
    async stop(graceMs) {
      claiming.abort()
      const until = performance.now() + graceMs
      while (desk.busy && performance.now() < until) await atMost(until - performance.now(), desk.freed())
      ending.abort()
      screens.close()
      await Promise.all(loops)
      await atMost(1000, Promise.all([written, followed]))
      await arrivals.close()
      await drivers.virt.close?.()
      await drivers.net.close()
    },
  }
}

const file = (state: string) => join(state, 'desired.json')

async function keep(state: string, document: Desired) {
  await writeFile(`${file(state)}.new`, JSON.stringify(document), { mode: 0o600 })
  await rename(`${file(state)}.new`, file(state))
}

async function recall(state: string, desired: DesiredState, guests: Guests, log: Log) {
  await guests.load()
  try { await desired.restore(JSON.parse(await readFile(file(state), 'utf8'))) } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log('the kept desired state could not be applied', { error: logged(error) })
  }
}
