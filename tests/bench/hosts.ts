import { boots } from './boots.ts'
import type { Figures } from './figures.ts'
import { moves } from './moves.ts'
import { queue } from './queue.ts'
import { noLimits } from './servers.ts'
import { countedStore } from './store.ts'
import { Subject } from './subject.ts'
import { across, reconcile, unable } from './wires.ts'

export interface Many { boots: number; ports: number; moves: number }

/** What hosts do, on real ones: needs root on Linux. Each part by itself, whatever becomes of the others. */
export async function hosts(figures: Figures, scale: number, many: Many) {
  await queue(figures, scale)
  const why = unable()
  if (why) return figures.fail('hosts', `cannot be measured here: ${why}`)
  await apart(figures, { across: () => across(figures), reconcile: () => reconcile(figures, many.ports), guests: () => guests(figures, many) })
}

async function apart(figures: Figures, parts: Record<string, () => Promise<unknown>>) {
  for (const [name, part] of Object.entries(parts)) await part().catch((e) => figures.fail(name, (e as Error).message))
}

/** Two real hosts on this machine, and real guests. */
async function guests(figures: Figures, many: Many) {
  const store = await countedStore()
  try {
    const s = await Subject.start(['--hypervisor', 'libvirt', '--hosts', '2', '--s3-url', store.url], figures, 1, store.env)
    try {
      await noLimits(s)
      await apart(figures, { boots: () => boots(s, store, many.boots), moves: () => moves(s, many.moves) })
    } finally { await s.cloud.reset() }
  } finally { await store.close() }
}
