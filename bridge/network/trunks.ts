import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { links } from './links.ts'
import type { Names } from './names.ts'
import type { Plan, Port } from './plan.ts'
import { retag, section, untag } from './program.ts'
import { each, run } from './run.ts'
import { qdiscs, type Shaped } from './shaping.ts'

/**
 * Trunks: a sub-port is a pair of devices, one end in its network's bridge with all the filters of a tap. Frames that a
 * guest tags are led from the trunk's tap to the other end, and what comes out there is tagged and led back.
 */
type Trunked = Port & { trunk: NonNullable<Port['trunk']> }

/** Leads frames where they should go; gives the sub-ports for which that works. */
export async function connect(plan: Plan, shaped: Shaped, names: Names): Promise<Set<string>> {
  const subs = [...plan.ports.values()].filter((p): p is Trunked => p.trunk !== undefined), done = new Set<string>()
  const programs = new Map<string, Buffer>()
  const known = [...shaped.keys()].filter((key) => key.endsWith('/trunk'))
  if (!subs.length && !known.length) return done
  const have = await links(names), arriving = new Set((await qdiscs()).filter((d) => d.kind === 'ingress').map((d) => d.dev))
  const index = (dev: string) => have.get(dev)?.ifindex
  for (const [parent, mine] of Map.groupBy(subs, (p) => p.trunk.parent)) {
    const tap = plan.ports.get(parent)!.tap, at = index(tap)
    const led = mine.flatMap((p) => { const ifindex = index(p.trunk.branch); return ifindex === undefined ? [] : [{ vlan: p.trunk.vlan, ifindex }] })
    if (at === undefined) continue
    programs.set(tap, untag(led.sort((a, b) => a.vlan - b.vlan)))
    for (const p of mine) if (index(p.trunk.branch) !== undefined) programs.set(p.trunk.branch, retag(p.trunk.vlan, at))
  }
  const failed: Error[] = []
  await each(known, async (key) => {
    const dev = key.slice(0, -'/trunk'.length)
    if (programs.has(dev)) return
    if (have.has(dev) && arriving.has(dev)) await run('tc', ['filter', 'del', 'dev', dev, 'ingress', 'pref', '10'])
    shaped.delete(key)
  })
  await each(programs, ([dev, program]) => load(dev, program, arriving.has(dev), shaped).catch((error: Error) => { failed.push(error) }))
  for (const p of subs) if ([plan.ports.get(p.trunk.parent)!.tap, p.trunk.branch].every((dev) => shaped.has(`${dev}/trunk`))) done.add(p.id)
  // Each is tried; those that cannot be are not among what is done, and so shown as down.
  if (failed.length && !done.size) throw failed[0]
  return done
}

async function load(dev: string, program: Buffer, arriving: boolean, shaped: Shaped) {
  const key = `${dev}/trunk`, sum = program.toString('base64')
  if (arriving && shaped.get(key) === sum) return
  const dir = await mkdtemp(join(tmpdir(), 'virga-trunk-'))
  try {
    const file = join(dir, 'program.o')
    await writeFile(file, program, { mode: 0o600 })
    if (!arriving) await run('tc', ['qdisc', 'add', 'dev', dev, 'ingress'])
    await run('tc', ['filter', 'replace', 'dev', dev, 'ingress', 'pref', '10', 'protocol', 'all', 'handle', '1', 'bpf', 'da', 'obj', file, 'sec', section])
    shaped.set(key, sum)
  } catch (error) {
    shaped.delete(key)
    throw error
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
