import { stat } from 'node:fs/promises'
import { Hopeless, Terminal } from '../drivers.ts'
import { header } from './qcow2.ts'
import { CommandFailed, inUse, run } from './run.ts'
import type { Format } from './store.ts'

export const GiB = 1024 ** 3
const largest = 65536 * GiB
const hour = 3600

const img = (args: string[], seconds = 60) => run('qemu-img', args, { seconds })

/** The file is open elsewhere: whoever asked looks again. */
export const locked = (error: unknown) => error instanceof CommandFailed && inUse.test(error.output)

export const create = (path: string, bytes: number) => img(['create', '-q', '-f', 'qcow2', path, String(bytes)])

/** A linked clone; the base's format is written into it, so nobody ever guesses. */
export const overlay = (path: string, base: string, baseFormat: Format, bytes: number) =>
  img(['create', '-q', '-f', 'qcow2', '-F', baseFormat, '-b', base, path, String(bytes)])

/** A full copy that needs nothing else; on disk before it is called done. */
export const convert = (from: string, fromFormat: Format, to: string, toFormat: Format) =>
  img(['convert', '-f', fromFormat, '-O', toFormat, '-t', 'writeback', from, to], hour)

/** Where a raw file holds anything at all; all of it when there are too many places to tell. */
export async function extents(path: string, size: number): Promise<[number, number][]> {
  try {
    const found = JSON.parse(await img(['map', '-f', 'raw', '--output=json', path], hour)) as { start: number; length: number; zero: boolean }[]
    return found.filter((one) => !one.zero).map(({ start, length }) => [start, length])
  } catch { return [[0, size]] }
}

export const grow = (path: string, bytes: number) => img(['resize', '-q', '-f', 'qcow2', path, String(bytes)])

/** Bytes from outside, before anything else opens them: how large is the disk, and is it all in this file? */
export async function inspect(path: string, format: Format): Promise<number> {
  if (format === 'raw') return (await stat(path)).size
  const head = await header(path)
  if (head.backing) throw new Hopeless('the image has a backing file')
  if (head.externalData) throw new Hopeless('the image keeps its data in another file')
  if (head.encrypted) throw new Hopeless('the image is encrypted')
  if (head.unknown || head.version > 3 || head.version < 2) throw new Hopeless('the image uses unknown qcow2 features')
  if (head.virtualSize > largest) throw new Hopeless('the image is larger than any disk here')
  try {
    // Bounded, since the tables are a stranger's.
    const info = JSON.parse(await run('prlimit', ['--as=1073741824', '--cpu=30', 'qemu-img', 'info', '-f', 'qcow2', '--output=json', path]))
    if (info['backing-filename'] || info['format-specific']?.data?.['data-file'] || info['format-specific']?.data?.corrupt) throw new Hopeless('the image cannot be used')
    return info['virtual-size']
  } catch (error) {
    if (error instanceof CommandFailed) throw new Terminal(`the image cannot be read: ${error.message}`)
    throw error
  }
}
