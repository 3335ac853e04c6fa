import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drivers } from '../drivers.ts'
import { simulatedDisks, type Kept } from './disks.ts'
import { simulatedImages } from './images.ts'
import { Journal } from './journal.ts'
import { mischief, type Mischief } from './mischief.ts'
import { Door } from '../peers/door.ts'
import { simulatedMoves } from './moves.ts'
import { simulatedNet } from './net.ts'
import { simulatedVirt, type Guest } from './virt.ts'

export interface Capacity { vcpus: number; memoryMb: number; diskGb: number }
export const roomy: Capacity = { vcpus: 64, memoryMb: 256 * 1024, diskGb: 4096 }

/** What all simulated hosts of one process share: the volume store, the image cache, and chance. */
export class Simulation {
  readonly folder: string
  readonly #volumes: Journal<Kept>
  readonly #images: ReturnType<typeof simulatedImages>
  readonly #act: ReturnType<typeof mischief>
  readonly #capacity: Capacity
  constructor(state: string, of: { mischief?: Mischief; capacity?: Capacity } = {}) {
    this.folder = join(state, 'simulated')
    this.#act = mischief(of.mischief)
    this.#capacity = of.capacity ?? roomy
    this.#volumes = new Journal(join(this.folder, 'shared', 'volumes.jsonl'))
    this.#images = simulatedImages(new Journal(join(this.folder, 'shared', 'bytes.jsonl')), this.#act(''))
  }

  /** One more host, with whatever it kept from before. */
  host(name: string, address = '127.0.0.1'): Drivers {
    const journal = <T>(what: string) => new Journal<T>(join(this.folder, name, `${what}.jsonl`))
    const guests = journal<Guest>('guests'), act = this.#act(name)
    const own = journal<Kept>('disks')
    const facts = journal<string>('facts')
    const booted = Date.now()
    if (!facts.has('boot')) facts.set('boot', randomUUID())
    return {
      virt: simulatedVirt(guests, act),
      disks: simulatedDisks({ host: name, own, shared: this.#volumes, drives: journal('drives'), scratch: join(this.folder, 'scratch'), act }),
      images: { ...this.#images, list: () => this.#images.list(own) },
      moves: simulatedMoves({ guests, keep: (ref) => ref.kind === 'volume' || ref.kind === 'snapshot' ? this.#volumes : own, host: name, act }),
      door: new Door({ address }),
      net: simulatedNet(act),
      facts: async () => {
        const { vcpus, memoryMb, diskGb } = this.#capacity
        const used = guests.values().filter(({ state }) => state === 'running' || state === 'paused')
        return {
          bootId: facts.get('boot')!,
          storage: 'simulated',
          hypervisor: {
            type: 'simulated', virtType: 'simulated', version: 1_000_000, hostname: name, address, cpuModel: 'simulated', arch: 'x86_64',
            uptimeSeconds: Math.floor((Date.now() - booted) / 1000), load: [0, 0, 0],
          },
          capacity: {
            vcpus, memoryMb, diskGb,
            freeMemoryMb: Math.max(0, memoryMb - used.reduce((sum, { spec }) => sum + spec.memoryMb, 0)),
            freeDiskGb: Math.max(0, diskGb - own.values().reduce((sum, { sizeGb }) => sum + sizeGb, 0)),
          },
        }
      },
      wipe: () => rm(join(this.folder, name), { recursive: true, force: true }),
    }
  }
}
