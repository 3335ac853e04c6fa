import { arriving, attach, detach } from './attach.ts'
import { links } from './links.ts'
import type { Names } from './names.ts'
import type { Plan, Port } from './plan.ts'
import { retag, untag } from './program.ts'
import { each } from './run.ts'
import { qdiscs, type Shaped } from './shaping.ts'

/**
 * Trunks: a sub-port is a pair of devices, one end in its network's bridge with all the filters of a tap. Frames that a
 * guest tags are led from the trunk's tap to the other end, and what comes out there is tagged and led back.
 */
type Trunked = Port & { trunk: NonNullable<Port['trunk']> }

/** Before limits, which take what is left. */
const pref = 10

/** Leads frames where they should go; gives the sub-ports for which that works. */
export async function connect(plan: Plan, shaped: Shaped, names: Names): Promise<Set<string>> {
  const subs = [...plan.ports.values()].filter((p): p is Trunked => p.trunk !== undefined), done = new Set<string>()
  const programs = new Map<string, Buffer>()
  const known = [...shaped.keys()].filter((key) => key.endsWith('/trunk'))
  if (!subs.length && !known.length) return done
  const have = await links(names), prepared = arriving(await qdiscs())
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
    if (have.has(dev) && prepared.has(dev)) await detach(dev, pref)
    shaped.delete(key)
  })
  await each(programs, ([dev, program]) => load(dev, program, prepared.has(dev), shaped).catch((error: Error) => { failed.push(error) }))
  for (const p of subs) if ([plan.ports.get(p.trunk.parent)!.tap, p.trunk.branch].every((dev) => shaped.has(`${dev}/trunk`))) done.add(p.id)
  // Each is tried; those that cannot be are not among what is done, and so shown as down.
  if (failed.length && !done.size) throw failed[0]
  return done
}

async function load(dev: string, program: Buffer, prepared: boolean, shaped: Shaped) {
  const key = `${dev}/trunk`, sum = program.toString('base64')
  if (prepared && shaped.get(key) === sum) return
  shaped.delete(key)
  await attach(dev, program, pref, prepared)
  shaped.set(key, sum)
}
