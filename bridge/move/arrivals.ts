import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobArgs } from '../../schema/jobs.ts'
import { logged } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Door } from '../peers/door.ts'
import type { Moves } from '../drivers.ts'

type Args = JobArgs<'move.open'>
type Arrival = Awaited<ReturnType<Moves['incoming']>>
/** What is kept of a move that was let in. The key opens this one move; the folder is the host's own, as its identity is. */
interface Kept { args: Args; key: string; port: number }

/**
 * The moves this host has let in, kept in its folder: a bridge that ends and starts again stands at the same door, and the
 * other host, which goes on trying, need not be told anything.
 */
export class Arrivals {
  readonly #folder: string
  readonly #moves: Moves
  readonly #door: Door
  constructor(folder: string, moves: Moves, door: Door) {
    this.#folder = folder
    this.#moves = moves
    this.#door = door
  }

  /** Answers the port it comes by. */
  async admit(args: Args, key: Buffer, { serve, end }: Arrival): Promise<number> {
    const port = await this.#door.admit(args.move, key, serve, end)
    const kept: Kept = { args, key: key.toString('base64url'), port }, file = this.#file(args.move)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeFile(`${file}.new`, JSON.stringify(kept), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return port
  }

  async dismiss(move: string): Promise<void> {
    await rm(this.#file(move), { force: true })
    await this.#door.dismiss(move)
  }

  /** After a start: lets in again what was let in. One whose port is another's by now is told of; its sender gives up in time. */
  async recall(log: Log): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names.filter((n) => n.endsWith('.json'))) {
      const file = join(this.#folder, name)
      try {
        const { args, key, port } = JSON.parse(await readFile(file, 'utf8')) as Kept
        const { serve, end } = await this.#moves.incoming(args)
        await this.#door.admit(args.move, Buffer.from(key, 'base64url'), serve, end, port)
      } catch (error) {
        log('a server that was on its way here cannot be taken in any more', { move: name.slice(0, -5), error: logged(error) })
        await rm(file, { force: true })
      }
    }
  }

  /** The listening ends, what is let in does not. */
  close() { return this.#door.close() }

  #file(move: string) { return join(this.#folder, `${move}.json`) }
}
