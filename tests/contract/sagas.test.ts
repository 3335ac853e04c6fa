import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { sagaKinds, sagaOf } from '../../functions/sagas.ts'
import { q } from '../../functions/kernel/db.ts'
import { clouds } from '../harness/clouds.ts'
import { violations } from '../harness/invariants.ts'
import { drive, isOrder, stage, stories, type Stage } from './stories.ts'

/**
 * Every long operation, begun through the API: done; with each job delivered and reported twice; and failing at each of
 * its jobs in turn, with each undo delivered twice. Whatever happens, it comes to rest, says why, breaks no invariant, and
 * deleting what there is leaves nothing: no row, no disk, no domain.
 */
let w: Stage
/** A test that failed leaves things behind: the next one gets a cloud of its own. */
let clean = false
beforeEach(async () => {
  if (!clean) { clouds.length = 0; w = await stage() }
  clean = false
}, 30_000)

const why = 'the test says no'
/** What states the rows are in, without ids and times. */
async function states() {
  const [rows] = await w.c.db().read([q.all<{ what: string }>(sql`
    select 'server ' || state || '/' || coalesce(task, '-') || ' power ' || power || ' ' || vcpus || '/' || memory_mb as what from server
    union all select 'volume ' || status || ' ' || attach_status || ' ' || size_gb from volume union all select 'snapshot ' || status from snapshot union all select 'backup ' || status from volume_backup
    union all select 'attachment ' || status from attachment union all select 'image ' || status from image where visibility = 'private'
    union all select 'port ' || status || ' ' || (device <> '') from port where device_owner like 'compute:%' or name = 'mine'
    union all select 'allocation ' || class || ' ' || used from allocation`)])
  return (rows as unknown as { what: string }[]).map((r) => r.what).sort()
}
/** Where a user is told: a server's fault, a message about a volume, or a line in the timeline. */
async function told(): Promise<number> {
  const [[n]] = await w.c.db().read([q.all<{ n: number }>(sql`select (select count(*) from server where instr(fault, ${why})) + (select count(*) from volume_message where instr(message, ${why})) + (select count(*) from event where instr(detail, ${why})) as n`)]) as unknown as [{ n: number }[]]
  return n.n
}
async function nothingLeft() {
  if (w.port && (await w.c.call('GET', `/network/v2.0/ports/${w.port}`, { token: await w.c.demo() })).status === 200) await w.call('DELETE', `/network/v2.0/ports/${w.port}`)
  Object.assign(w, { port: '', server: '', volume: '', snapshot: '', backup: '' })
  await w.erase()
  expect(await w.left()).toEqual({})
  for (const h of [w.host, ...w.host.peers]) {
    expect([...h.disks]).toEqual([])
    expect([...h.domains.keys()]).toEqual([])
  }
  expect(await violations(w.c.db(), { quiet: true })).toEqual([])
  clean = true
}

it('there is a story for every saga', async () => {
  // Those whose steps are a graph have tests of their own.
  const listed = (await Promise.all(sagaKinds().map(async (k) => ({ k, saga: await sagaOf(k) })))).filter(({ saga }) => !saga.graph).map(({ k }) => k)
  expect(listed.filter((k) => !stories.some((s) => s.kind === k))).toEqual([])
})

for (const s of stories) {
  describe(`${s.kind}: ${s.name}`, () => {
    let jobs = 0
    const given = async () => { await w.alone(); await s.given?.(w) }
    let end: string[] = []

    it('comes to its end', async () => {
      await given()
      await s.begin(w)
      const [live] = await w.c.db().read([q.all<{ kind: string }>(sql`select kind from saga where state = 'open'`)]) as unknown as [{ kind: string }[]]
      expect(live.map((l) => l.kind)).toContain(s.kind)
      jobs = (await drive(w.c, w.host)).length
      end = await states()
      expect(await violations(w.c.db(), { quiet: true })).toEqual([])
      await nothingLeft()
    }, 30_000)

    it('does nothing more when every job comes twice', async () => {
      await given()
      await s.begin(w)
      const twice = await drive(w.c, w.host, { twice: true })
      expect(twice.length).toBe(jobs)
      expect(await states()).toEqual(end)
      await nothingLeft()
    }, 30_000)

    it('fails at each job in turn: says so, undoes, and can be deleted', async () => {
      expect(jobs).toBeGreaterThan(0)
      for (let n = 0; n < jobs; n++) {
        await given()
        const before = await told()
        await s.begin(w)
        const seen = await drive(w.c, w.host, { failAt: n, twice: true })
        if (isOrder(seen[n])) { await nothingLeft(); continue }
        expect(await violations(w.c.db(), { quiet: true }), `after failing job ${n + 1}`).toEqual([])
        // A deleted server is deleted all the same; its host is only asked once more.
        if (s.kind !== 'server.delete') expect(await told(), `told after failing job ${n + 1}`).toBeGreaterThan(before)
        await nothingLeft()
      }
    }, 60_000)
  })
}
