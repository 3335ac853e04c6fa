import { Type as t } from 'typebox'
import { conflict, invalid } from '../kernel/fault.ts'
import { readWorld, type World } from './allocations/read.ts'
import { forget, setAllocations } from './allocations/set.ts'
import { anyNumber, wishesOf } from './allocations/shape.ts'
import { concurrent } from './answer.ts'
import { rowOf, whole } from './inventories/shape.ts'
import { stageInventories, whileUnused } from './inventories/write.ts'
import { checkClasses } from './known.ts'
import { code, endpoint } from './service.ts'
import { canonical, closed, uuidKey } from './shapes.ts'

const inventories = t.Record(uuidKey, whole, { ...closed, minProperties: 1 })

/** Inventories move from provider to provider, and what is held of them moves along, at once. */
export default endpoint({
  id: 'reshaper', method: 'POST', path: '/reshaper', since: '1.30', status: 204, summary: 'Move inventories together with what is held of them', policy: 'placement:reshaper:reshape',
  body: {
    '1.30': t.Object({ inventories, allocations: anyNumber['1.30'] }, closed),
    '1.34': t.Object({ inventories, allocations: anyNumber['1.34'] }, closed),
    '1.38': t.Object({ inventories, allocations: anyNumber['1.38'] }, closed),
  },
  async handle(ctx, { body }) {
    const given = Object.entries(body.inventories).map(([id, g]) => ({ id: canonical(id), ...g })), wishes = wishesOf(body.allocations), ids = given.map((g) => g.id)
    const classes = given.flatMap((g) => Object.keys(g.inventories))
    const world = await readWorld(ctx, wishes, ids, classes)
    checkClasses(classes, world.custom, 'inventories')
    const moves = given.map((g) => {
      const p = world.providers.find((x) => x.id === g.id)
      if (!p) throw invalid(`Resource provider ${g.id} in inventories not found.`, { type: code.noProvider })
      if (p.generation !== g.resource_provider_generation) throw concurrent(`Resource provider generation conflict for provider ${p.id}: it is ${p.generation}, not ${g.resource_provider_generation}.`)
      const now = world.inventories.filter((i) => i.provider === p.id)
      const rows = Object.entries(g.inventories).map(([name, one]) => rowOf(ctx, p, name, one, now.find((i) => i.class === name)))
      return { p, rows, gone: now.map((i) => i.class).filter((name) => !rows.some((r) => r.class === name)) }
    })
    for (const m of moves) stageInventories(ctx, m.p, m.rows, m.gone)
    const after: World = { ...world, inventories: [...world.inventories.filter((i) => !ids.includes(i.provider)), ...moves.flatMap((m) => m.rows)] }
    checkLeft(moves, after, wishes.map((w) => w.consumer))
    setAllocations(ctx, wishes, after, ids)
    for (const m of moves) whileUnused(ctx, m.p, m.gone)
    forget(ctx, wishes.map((w) => w.consumer))
  },
})

/** Inventory may go when all who held of it are among those whose holdings move. */
function checkLeft(moves: { p: { id: string }; gone: string[] }[], { usages, held }: World, consumers: string[]) {
  for (const { p, gone } of moves) for (const name of gone) {
    const used = usages.find((u) => u.provider === p.id && u.class === name)?.used ?? 0
    const moving = held.filter((h) => consumers.includes(h.consumer) && h.provider === p.id && h.class === name).reduce((n, h) => n + h.used, 0)
    if (used > moving) throw conflict(`Inventory for ${name} on resource provider ${p.id} is in use by others than the consumers named.`, { type: code.inUse })
  }
}
