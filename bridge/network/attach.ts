import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { section } from './program.ts'
import { run } from './run.ts'

/** Devices that have a place for programs where frames arrive. */
export const arriving = (qdiscs: { kind: string; dev: string }[]): Set<string> => new Set(qdiscs.filter((d) => d.kind === 'ingress' || d.kind === 'clsact').map((d) => d.dev))

/** `tc` loads programs by way of a file system that containers and namespaces may not have, where machines do. */
const shelf = '/sys/fs/bpf', isShelf = 0xcafe4a11
let ready: Promise<unknown> | undefined
const prepare = () => ready ??= statfs(shelf).then(async ({ type }) => { if (type !== isShelf) await run('mount', ['-t', 'bpf', 'bpf', shelf]) }).catch((error: Error) => { ready = undefined; throw error })

/** Loads a program there, at this place among others; `prepared`: the device has such a place. */
export async function attach(dev: string, program: Buffer, pref: number, prepared: boolean): Promise<void> {
  await prepare()
  const dir = await mkdtemp(join(tmpdir(), 'virga-program-'))
  try {
    const file = join(dir, 'program.o')
    await writeFile(file, program, { mode: 0o600 })
    if (!prepared) await run('tc', ['qdisc', 'add', 'dev', dev, 'ingress'])
    await run('tc', ['filter', 'replace', 'dev', dev, 'ingress', 'pref', String(pref), 'protocol', 'all', 'handle', '1', 'bpf', 'da', 'obj', file, 'sec', section])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export const detach = (dev: string, pref: number) => run('tc', ['filter', 'del', 'dev', dev, 'ingress', 'pref', String(pref)])

/** The places taken on a device. */
export const attached = async (dev: string): Promise<Set<number>> =>
  new Set((JSON.parse(await run('tc', ['-j', 'filter', 'show', 'dev', dev, 'ingress']) || '[]') as { pref: number }[]).map((f) => f.pref))
